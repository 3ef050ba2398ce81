// Synthesizes stacks with aws-cdk-lib into the folder of the first argument, and prints which of their resources launch
// instances with the tag Owner: {"STACK": {"LOGICAL_ID": "always" | "never"}}.

const cdk = require("aws-cdk-lib");
const ec2 = require("aws-cdk-lib/aws-ec2");
const autoscaling = require("aws-cdk-lib/aws-autoscaling");

const app = new cdk.App({ outdir: process.argv[2], analyticsReporting: false });
const expected = {};

function stack(name, build) {
  const made = new cdk.Stack(app, name, { env: { account: "111111111111", region: "eu-west-1" } });
  const resources = (expected[name] = {});
  build(made, (resource, owner) => {
    resources[made.getLogicalId(resource)] = owner ? "always" : "never";
  });
}

const image = ec2.MachineImage.genericLinux({ "eu-west-1": "ami-0a1b2c3d4e5f60718" });
const type = new ec2.InstanceType("t3.micro");
const network = (scope) => new ec2.Vpc(scope, "Vpc", { maxAzs: 1, natGateways: 0 });
const own = (construct, options) => cdk.Tags.of(construct).add("Owner", "ann", options);

stack("Instances", (scope, expect) => {
  const vpc = network(scope);
  const place = { vpc, vpcSubnets: { subnetType: ec2.SubnetType.PUBLIC }, instanceType: type, machineImage: image };
  const owned = new ec2.Instance(scope, "Owned", place);
  own(owned);
  expect(owned.instance, true);
  expect(new ec2.Instance(scope, "Bare", place).instance, false);
  const low = new ec2.CfnInstance(scope, "Low", { imageId: "ami-0a1b2c3d4e5f60718", tags: [{ key: "Owner", value: "ann" }] });
  expect(low, true);
  // An aspect takes a tag away again.
  const removed = new ec2.Instance(scope, "Removed", place);
  own(removed);
  cdk.Tags.of(removed.instance).remove("Owner", { priority: 300 });
  expect(removed.instance, false);
});

stack("WholeStack", (scope, expect) => {
  own(scope);
  const place = { vpc: network(scope), vpcSubnets: { subnetType: ec2.SubnetType.PUBLIC } };
  expect(new ec2.Instance(scope, "Web", { ...place, instanceType: type, machineImage: image }).instance, true);
});

stack("Groups", (scope, expect) => {
  const vpc = network(scope);
  const vpcSubnets = { subnetType: ec2.SubnetType.PUBLIC };
  const group = (id, more) => new autoscaling.AutoScalingGroup(scope, id, { vpc, vpcSubnets, ...more });
  const plain = { instanceType: type, machineImage: image };
  const owned = group("Owned", plain);
  own(owned);
  expect(owned.node.findChild("ASG"), true);
  const alone = group("Alone", plain);
  own(alone, { applyToLaunchedInstances: false });
  expect(alone.node.findChild("ASG"), false);
  const launchTemplate = new ec2.LaunchTemplate(scope, "Template", { instanceType: type, machineImage: image });
  own(launchTemplate);
  expect(group("OfTemplate", { launchTemplate }).node.findChild("ASG"), true);
});

app.synth();
process.stdout.write(JSON.stringify(expected));
