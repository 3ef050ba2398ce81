"""The parts of CloudFormation that tagwarden's templates need and moto lacks.

moto skips a type that it does not know and reports the stack complete. Importing this module adds the templates'
types; any other unknown type fails the stack. It also makes a stack's update obey its conditions.
"""

import functools
import json

import yaml
from moto.awslambda.models import LambdaFunction
from moto.cloudformation import custom_model, models, parsing, responses, utils
from moto.cloudformation.models import ChangeSet
from moto.cloudwatch.models import cloudwatch_backends
from moto.config.models import config_backends
from moto.core.common_models import CloudFormationModel
from moto.core.exceptions import ServiceException
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends
from moto.ssm.models import Document, ssm_backends


def tag_constructor(loader, tag, node):
    """`!Condition`, whose long form is the only one besides Ref's without `Fn::`. moto takes it for a function, and so for false.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-conditions.html
    """
    return {"Condition": node.value} if tag == "!Condition" else utils.yaml_tag_constructor(loader, tag, node)


models.yaml_tag_constructor = responses.yaml_tag_constructor = tag_constructor
MODELS = {}
# The RemediationConfiguration by account, Region and rule, because moto's Config does not store any.
REMEDIATIONS = {}


def resource(type_name, name_property=None):
    """Registers a function as a CloudFormation type of moto's. It creates one resource and returns its physical id."""

    def register(create):
        def created(cls, name, json_, account_id, region_name, **_):
            model = cls()
            model.physical_resource_id = create(name, json_["Properties"], account_id, region_name)
            return model

        def updated(cls, original_resource, new_resource_name, cloudformation_json, account_id, region_name):
            # Creating a resource again replaces it.
            return created(cls, new_resource_name, cloudformation_json, account_id, region_name)

        MODELS[type_name] = type(
            create.__name__,
            (CloudFormationModel,),
            {
                "cloudformation_name_type": staticmethod(lambda: name_property),
                "cloudformation_type": staticmethod(lambda: type_name),
                "create_from_cloudformation_json": classmethod(created),
                "delete_from_cloudformation_json": classmethod(lambda *_: None),
                "update_from_cloudformation_json": classmethod(updated),
                "has_cfn_attr": classmethod(lambda cls, name: False),
            },
        )
        return create

    return register


@resource("AWS::Config::ConfigRule", "ConfigRuleName")
def config_rule(name, properties, account, region):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-config-configrule.html"""
    if isinstance(properties.get("InputParameters"), dict):
        properties["InputParameters"] = json.dumps(properties["InputParameters"])
    config_backends[account][region].put_config_rule({**properties, "ConfigRuleName": name})
    return name


@resource("AWS::Config::RemediationConfiguration", "ConfigRuleName")
def remediation_configuration(name, properties, account, region):
    """A remediation of an existing rule by an existing document, all of whose parameters it knows.

    https://docs.aws.amazon.com/config/latest/APIReference/API_PutRemediationConfigurations.html
    """
    if name not in config_backends[account][region].config_rules:
        raise ServiceException("NoSuchConfigRuleException", f"There is no rule {name}.")
    document = ssm_backends[account][region].get_document(properties["TargetId"], None, None, "YAML")
    known = yaml.safe_load(document["Content"])["parameters"]
    if unknown := set(properties["Parameters"]) - set(known):
        raise ServiceException("InvalidParameterValueException", f"The document has no parameters {unknown}.")
    REMEDIATIONS[account, region, name] = properties
    return name


@resource("AWS::SQS::QueuePolicy")
def queue_policy(name, properties, account, region):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-sqs-queuepolicy.html"""
    for url in properties["Queues"]:
        sqs_backends[account][region].set_queue_attributes(
            url.split("/")[-1], {"Policy": json.dumps(properties["PolicyDocument"])}
        )
    return name


@resource("AWS::SNS::TopicPolicy")
def topic_policy(name, properties, account, region):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-sns-topicpolicy.html"""
    for arn in properties["Topics"]:
        sns_backends[account][region].set_topic_attribute(arn, "policy", json.dumps(properties["PolicyDocument"]))
    return name


@resource("AWS::SNS::Subscription")
def subscription(name, properties, account, region):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-sns-subscription.html

    A subscription lives in its topic's Region, which `Region` names where that is not the stack's.
    """
    topics = sns_backends[account][properties.get("Region", region)]
    made = topics.subscribe(properties["TopicArn"], properties["Endpoint"], properties["Protocol"])
    if "FilterPolicy" in properties:
        topics.set_subscription_attributes(made.arn, "FilterPolicy", json.dumps(properties["FilterPolicy"]))
    return made.arn


@resource("AWS::Chatbot::SlackChannelConfiguration")
def slack_channel(name, properties, account, region):
    """moto has no Amazon Q Developer: the channel is nothing but its name, and its topics must exist.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-chatbot-slackchannelconfiguration.html
    """
    for arn in properties["SnsTopicArns"]:
        sns_backends[account][region].get_topic(arn)
    return f"arn:aws:chatbot::{account}:chat-configuration/slack-channel/{properties['ConfigurationName']}"


@resource("AWS::CloudWatch::Alarm", "AlarmName")
def alarm(name, properties, account, region):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-cloudwatch-alarm.html"""
    # One of several metrics has a list of them in their place.
    one_of_all = properties if "MetricName" in properties else properties["Metrics"][0]["MetricStat"]["Metric"]
    cloudwatch_backends[account][region].put_metric_alarm(
        name=name,
        namespace=one_of_all["Namespace"],
        metric_name=one_of_all["MetricName"],
        comparison_operator=properties["ComparisonOperator"],
        evaluation_periods=int(properties["EvaluationPeriods"]),
        period=int(properties.get("Period", 300)),
        threshold=float(properties["Threshold"]),
        statistic=properties.get("Statistic"),
        description=properties["AlarmDescription"],
        dimensions=one_of_all["Dimensions"],
        alarm_actions=properties["AlarmActions"],
        ok_actions=properties.get("OKActions", []),
        treat_missing_data=properties["TreatMissingData"],
    )
    return name


moto_class_of = parsing.resource_class_from_type


def class_of(type_name):
    known = MODELS.get(type_name) or moto_class_of(type_name)
    if not known:
        raise ServiceException("ValidationError", f"Template format error: Unrecognized resource types: [{type_name}]")
    return known


moto_name_property_of = parsing.resource_name_property_from_type


def name_property_of(type_name):
    model = MODELS.get(type_name)
    return model.cloudformation_name_type() if model else moto_name_property_of(type_name)


parsing.resource_class_from_type = class_of
parsing.resource_name_property_from_type = name_property_of

moto_create_document = Document.create_from_cloudformation_json.__func__


@functools.wraps(moto_create_document)
def create_document(cls, name, json_, *rest, **more):
    """Accepts a document whose Content is an object, where moto expects text."""
    content = json_["Properties"]["Content"]
    if not isinstance(content, str):
        json_["Properties"]["Content"] = yaml.safe_dump(content)
    return moto_create_document(cls, name, json_, *rest, **more)


Document.create_from_cloudformation_json = classmethod(create_document)

for name in ("create_from_cloudformation_json", "update_from_cloudformation_json"):

    def with_text(cls, *arguments, moto_method=getattr(LambdaFunction, name).__func__, **more):
        """Converts the template's numbers to text in the function's environment."""
        [template] = [argument for argument in arguments if isinstance(argument, dict)] or [more["cloudformation_json"]]
        variables = template["Properties"].get("Environment", {}).get("Variables", {})
        variables.update({name: str(value) for name, value in variables.items()})
        return moto_method(cls, *arguments, **more)

    setattr(LambdaFunction, name, classmethod(with_text))


moto_load_parameters = parsing.ResourceMap.load_parameters


def load_parameters(self):
    """A list that an update keeps is a list already, and moto leaves a list's default as text.

    A parameter that keeps its default has not changed. Otherwise an update would change all that names it, and replace
    topics.
    """
    for name, parameter in self._template.get("Parameters", {}).items():
        if "Default" in parameter:
            self.input_parameters.setdefault(name, parameter["Default"])
    for name, value in self.input_parameters.items():
        if isinstance(value, list):
            self.input_parameters[name] = ",".join(value)
    moto_load_parameters(self)


parsing.ResourceMap.load_parameters = load_parameters

moto_build_resource_diff = parsing.ResourceMap.build_resource_diff


def build_resource_diff(self, other_template, parameters=None):
    """Changes a document that asks a condition as well. moto changes what names a changed parameter itself."""
    actions = moto_build_resource_diff(self, other_template, parameters)
    known = self._resource_json_map
    for name, template in other_template["Resources"].items():
        is_kept = name in known and name not in actions["Modify"]
        if parameters and is_kept and template["Type"] == "AWS::SSM::Document" and "Fn::If" in json.dumps(template):
            actions["Modify"].append(name)
    return actions


parsing.ResourceMap.build_resource_diff = build_resource_diff

moto_update_resource = parsing.parse_and_update_resource


def update_resource(logical_id, resource_json, resources_map, **more):
    """Leaves alone what a condition excludes (`apply` deletes it) and what moto cannot update, where moto would forget it.

    Creates once what did not exist.
    """
    condition = resource_json.get("Condition")
    made = resources_map._parsed_resources.get(logical_id)
    if condition and not resources_map.lazy_condition_map[condition]:
        return made
    if not made:
        return resources_map[logical_id]
    return moto_update_resource(logical_id, resource_json, resources_map, **more) or made


parsing.parse_and_update_resource = update_resource

moto_apply = ChangeSet.apply


def apply(self):
    """Makes a change set's parameters decide again which resources exist and what the outputs are."""
    moto_apply(self)
    resources = self.stack.resource_map
    for name, template in self.template_dict["Resources"].items():
        condition = template.get("Condition")
        if not condition or resources.lazy_condition_map[condition]:
            resources[name]  # creates it if it does not exist
        elif made := resources._parsed_resources.pop(name, None):
            resources._delete_resource(made, template)
    self.stack.template, self.stack.template_dict = self.template, self.template_dict
    self.stack.output_map = self.stack._create_output_map()


ChangeSet.apply = apply

moto_delete = parsing.ResourceMap.delete


def delete(self):
    """Keeps what RetainExceptOnCreate keeps. No stack is deleted here because its creation failed."""
    for resource in self._resource_json_map.values():
        if resource.get("DeletionPolicy") == "RetainExceptOnCreate":
            resource["DeletionPolicy"] = "Retain"
    moto_delete(self)


parsing.ResourceMap.delete = delete

# The address at which a custom resource's function answers: it runs on this machine, not in a container.
custom_model.settings.moto_server_host = lambda: "http://127.0.0.1"
