# Made from cloudformation/tagwarden.yaml by `UPDATE_DOCS=1 cargo test --test deploy`. Do not edit.

variable "mode" {
  description = "dry-run: reports say what would be done, and the role cannot change an instance. enforce: tagwarden does it. Default: 'dry-run'."
  type        = string
  default     = null

  validation {
    condition     = var.mode == null ? true : contains(["dry-run", "enforce"], var.mode)
    error_message = "mode must be one of dry-run, enforce."
  }
}

variable "untagged" {
  description = "What tagwarden does to an untagged instance, when enforcing. Default: 'terminate'."
  type        = string
  default     = null

  validation {
    condition     = var.untagged == null ? true : contains(["terminate", "stop", "notify"], var.untagged)
    error_message = "untagged must be one of terminate, stop, notify."
  }
}

variable "terminate_after_days" {
  description = "With Untagged=stop: after how many days a stopped and untagged instance is terminated. Empty means never. Default: ''."
  type        = string
  default     = null

  validation {
    condition     = var.terminate_after_days == null ? true : can(regex("^([1-9][0-9]?|[12][0-9][0-9]|3[0-5][0-9]|36[0-5])?$", var.terminate_after_days))
    error_message = "terminate_after_days must be a whole number of days from 1 to 365, or nothing."
  }
}

variable "rules_may_destroy" {
  description = "What rules of the policy table whose Action is Stop or Terminate may do, when enforcing. The function refuses the rest. Otherwise anyone who may write to the table could terminate instances. Default: 'no'."
  type        = string
  default     = null

  validation {
    condition     = var.rules_may_destroy == null ? true : contains(["no", "stop", "stop-and-terminate"], var.rules_may_destroy)
    error_message = "rules_may_destroy must be one of no, stop, stop-and-terminate."
  }
}

variable "grace_minutes" {
  description = "How long after the first look that finds a reason another one must still find it, before an instance is stopped or terminated. 0 does it at the first look. Default: '15'."
  type        = number
  default     = null

  validation {
    condition     = var.grace_minutes == null ? true : var.grace_minutes >= 0 && var.grace_minutes <= 10080 && floor(var.grace_minutes) == var.grace_minutes
    error_message = "grace_minutes must be a whole number from 0 to 10080."
  }
}

variable "notice_hours" {
  description = "How many hours before it an instance's stop or termination must have been announced in a report that reached the topic, which needs a confirmed subscription. 0 needs no announcement. Default: '0'."
  type        = number
  default     = null

  validation {
    condition     = var.notice_hours == null ? true : var.notice_hours >= 0 && var.notice_hours <= 672 && floor(var.notice_hours) == var.notice_hours
    error_message = "notice_hours must be a whole number from 0 to 672."
  }
}

variable "max_destructive_per_hour" {
  description = "The most instances that are stopped or terminated in an hour. The rest is refused, with an alarm. Default: '10'."
  type        = number
  default     = null

  validation {
    condition     = var.max_destructive_per_hour == null ? true : var.max_destructive_per_hour >= 0 && var.max_destructive_per_hour <= 1000 && floor(var.max_destructive_per_hour) == var.max_destructive_per_hour
    error_message = "max_destructive_per_hour must be a whole number from 0 to 1000."
  }
}

variable "manager_tags" {
  description = "Tag keys, separated by commas, by which your own managers mark what they launch. An instance with such a tag is never shut down. A key may end in *. Empty means none. Default: ''."
  type        = string
  default     = null

  validation {
    condition     = var.manager_tags == null ? true : can(regex("^([^,* ][^,*]*\\*?(, ?[^,* ][^,*]*\\*?)*)?$", var.manager_tags))
    error_message = "manager_tags must be tag keys such as acme:scaler,acme-pool/*, separated by commas, or nothing."
  }
}

variable "resource_types" {
  description = "What has the tags that the policy demands: AWS::EC2::Instance, AWS::EC2::Volume, or both, separated by a comma. AWS Config must record it, and charges for each evaluation. A volume is tagged, and never shut down. Default: 'AWS::EC2::Instance'."
  type        = list(string)
  default     = null

  validation {
    condition     = var.resource_types == null ? true : alltrue([for it in var.resource_types : contains(["AWS::EC2::Instance", "AWS::EC2::Volume"], it)])
    error_message = "resource_types must be one of AWS::EC2::Instance, AWS::EC2::Volume."
  }
}

variable "vpc_ids" {
  description = "The VPCs whose instances are in scope, separated by commas. Empty means every VPC. A volume counts by its instance. Default: ''."
  type        = string
  default     = null

  validation {
    condition     = var.vpc_ids == null ? true : can(regex("^(vpc-[0-9a-f]{8,17}(, ?vpc-[0-9a-f]{8,17})*)?$", var.vpc_ids))
    error_message = "vpc_ids must be VPC ids such as vpc-0a1b2c3d4e5f60718, separated by commas, or nothing."
  }
}

variable "policy_table_name" {
  description = "The name of the DynamoDB table that holds the tag rules. Default: 'acme_cloud_policy_tagging_def'."
  type        = string
  default     = null

  validation {
    condition     = var.policy_table_name == null ? true : can(regex("^[a-zA-Z0-9_.-]{3,255}$", var.policy_table_name))
    error_message = "policy_table_name must be as the template has it: ^[a-zA-Z0-9_.-]{3,255}$."
  }
}

variable "create_policy_table" {
  description = "false: use the existing table of that name in this Region. The table outlives the stack, so set false to deploy the stack again. Default: 'true'."
  type        = bool
  default     = null
}

variable "seed_policy" {
  description = "true: a table that has no rows when the stack first uses it gets three sample rules: ProjectCode, CreatedBy and Expires. Default: 'true'."
  type        = bool
  default     = null
}

variable "tag_keys" {
  description = "The keys of the tags that the role may write, separated by commas: every TagKey of the policy. Otherwise whoever may write to the policy table decides. Empty means any. Default: ''."
  type        = list(string)
  default     = null

  validation {
    condition     = var.tag_keys == null ? true : alltrue([for it in var.tag_keys : can(regex("^([^,*?]{1,128})?$", it))])
    error_message = "tag_keys must be keys of tags without * and ?, separated by commas, or nothing."
  }
}

variable "policy_table_arn" {
  description = "The ARN of a policy table in another account or Region. It counts in place of PolicyTableName, and is neither created nor filled. Also a reference to an SSM parameter. Empty means none. Default: ''."
  type        = string
  default     = null

  validation {
    condition     = var.policy_table_arn == null ? true : can(regex("^(arn:aws[a-z-]*:dynamodb:[a-z0-9-]+:[0-9]{12}:table/[A-Za-z0-9_.-]{3,255}|\\{\\{resolve:ssm:[A-Za-z0-9_./-]+(:[0-9]+)?\\}\\})?$", var.policy_table_arn))
    error_message = "policy_table_arn must be the ARN of a DynamoDB table, a reference to an SSM parameter, or nothing."
  }
}

variable "policy_key_arn" {
  description = "The ARN of the customer managed key of a policy table that the stack does not create. Also a reference to an SSM parameter. Empty means AWS's own key. Default: ''."
  type        = string
  default     = null

  validation {
    condition     = var.policy_key_arn == null ? true : can(regex("^(arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+|\\{\\{resolve:ssm:[A-Za-z0-9_./-]+(:[0-9]+)?\\}\\})?$", var.policy_key_arn))
    error_message = "policy_key_arn must be the ARN of a KMS key, a reference to an SSM parameter, or nothing."
  }
}

variable "email" {
  description = "The address for reports and alarms. AWS first sends a mail that asks for confirmation. Empty means no mail. Default: ''."
  type        = string
  default     = null

  validation {
    condition     = var.email == null ? true : can(regex("^([^@\\s]+@[^@\\s]+)?$", var.email))
    error_message = "email must be one e-mail address, or nothing."
  }
}

variable "report_email" {
  description = "Another address, which gets one mail for each report and no alarms. Email also gets a line for each further part of a report with more than 256 KB. AWS first sends a mail that asks for confirmation. Empty means no such mail. Default: ''."
  type        = string
  default     = null

  validation {
    condition     = var.report_email == null ? true : can(regex("^([^@\\s]+@[^@\\s]+)?$", var.report_email))
    error_message = "report_email must be one e-mail address, or nothing."
  }
}

variable "report_subject" {
  description = "The subject of the reports, up to 99 characters. Default: 'ACME Cloud Tagging Policy Report'."
  type        = string
  default     = null

  validation {
    condition     = var.report_subject == null ? true : can(regex("^[ -~]{1,99}$", var.report_subject))
    error_message = "report_subject must be as the template has it: ^[ -~]{1,99}$."
  }
}

variable "report_topic_arn" {
  description = "The ARN of an existing topic for the reports, which may be in another account or Region. Set on a running stack, it DELETES the stack's own topic WITH ALL ITS SUBSCRIPTIONS. Also a reference to an SSM parameter. Empty: the stack's own topic. Default: ''."
  type        = string
  default     = null

  validation {
    condition     = var.report_topic_arn == null ? true : can(regex("^(arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}|\\{\\{resolve:ssm:[A-Za-z0-9_./-]+(:[0-9]+)?\\}\\})?$", var.report_topic_arn))
    error_message = "report_topic_arn must be the ARN of an SNS topic that is not FIFO, a reference to an SSM parameter, or nothing."
  }
}

variable "report_topic_key_arn" {
  description = "The ARN of the customer managed key of ReportTopicArn. Also a reference to an SSM parameter. Empty means none. Default: ''."
  type        = string
  default     = null

  validation {
    condition     = var.report_topic_key_arn == null ? true : can(regex("^(arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+|\\{\\{resolve:ssm:[A-Za-z0-9_./-]+(:[0-9]+)?\\}\\})?$", var.report_topic_key_arn))
    error_message = "report_topic_key_arn must be the ARN of a KMS key, a reference to an SSM parameter, or nothing."
  }
}

variable "alarm_topic_arn" {
  description = "The ARN of a topic for the alarms, in this Region. The word REGION in the place of the Region stands for this one. Its policy must let CloudWatch publish. Also a reference to an SSM parameter. Empty: alarms go to the topic of the reports, if it is in this Region. Default: ''."
  type        = string
  default     = null

  validation {
    condition     = var.alarm_topic_arn == null ? true : can(regex("^(arn:[a-z-]+:sns:([a-z0-9-]+|REGION):[0-9]{12}:[A-Za-z0-9_-]{1,256}|\\{\\{resolve:ssm:[A-Za-z0-9_./-]+(:[0-9]+)?\\}\\})?$", var.alarm_topic_arn))
    error_message = "alarm_topic_arn must be the ARN of an SNS topic that is not FIFO, such as arn:aws:sns:REGION:111111111111:alarms, or nothing."
  }
}

variable "owner_tags" {
  description = "The keys of the tags that name an instance's owner, separated by commas. The first that names somebody counts. Default: 'Owner,CreatedBy'."
  type        = string
  default     = null

  validation {
    condition     = var.owner_tags == null ? true : can(regex("^[^, ][^,]*(,[^,]+)*$", var.owner_tags))
    error_message = "owner_tags must be tag keys, separated by commas."
  }
}

variable "create_letters_topic" {
  description = "true: owners get letters about their own instances, on a topic to which teams subscribe. false deletes that topic, with all its subscriptions. Default: 'false'."
  type        = bool
  default     = null
}

variable "contact_topics" {
  description = "The ARNs of other topics that letters may go to, separated by commas. A Contact of the policy table counts only if it is among them. * and ? stand for any characters and one character. Empty means none. Default: ''."
  type        = list(string)
  default     = null

  validation {
    condition     = var.contact_topics == null ? true : alltrue([for it in var.contact_topics : can(regex("^(arn:[a-z-]+:sns:[a-z0-9*?-]+:[0-9*?]+:[A-Za-z0-9_*?-]+)?$", it))])
    error_message = "contact_topics must be ARNs of SNS topics such as arn:aws:sns:eu-west-1:111111111111:team-*, separated by commas, or nothing."
  }
}

variable "mail_from" {
  description = "Who mail to owners is from: an address that Amazon SES knows in this Region, or the ARN of an SES identity, which may be in another Region or account. Needs CreateLettersTopic=true and MailDomains. Empty means no mail. Default: ''."
  type        = string
  default     = null

  validation {
    condition     = var.mail_from == null ? true : can(regex("^([^@\\s<>,;:\"()/]+@[A-Za-z0-9-]+(\\.[A-Za-z0-9-]+)+|arn:aws[a-z-]*:ses:[a-z0-9-]+:[0-9]{12}:identity/([^@\\s<>,;:\"()/]+@)?[A-Za-z0-9-]+(\\.[A-Za-z0-9-]+)+)?$", var.mail_from))
    error_message = "mail_from must be one e-mail address, the ARN of an SES identity, or nothing."
  }
}

variable "mail_domains" {
  description = "The domains of the addresses that mail may go to, separated by commas, such as example.com or *.example.com. A Contact of the policy table counts only if its domain is among them. Empty means none. Default: ''."
  type        = list(string)
  default     = null

  validation {
    condition     = var.mail_domains == null ? true : alltrue([for it in var.mail_domains : can(regex("^((\\*\\.)?[a-z0-9-]+(\\.[a-z0-9-]+)+)?$", it))])
    error_message = "mail_domains must be domains in lower case, separated by commas, or nothing."
  }
}

variable "slack_workspace_id" {
  description = "The id of a Slack workspace that Amazon Q Developer may write to. Authorize it in that service's console first. Empty means none. Default: ''."
  type        = string
  default     = null

  validation {
    condition     = var.slack_workspace_id == null ? true : can(regex("^([0-9A-Z]{1,255})?$", var.slack_workspace_id))
    error_message = "slack_workspace_id must be as the template has it: ^([0-9A-Z]{1,255})?$."
  }
}

variable "slack_channel_id" {
  description = "The id of the channel that gets all letters, such as C0123ABCDEF. Empty means none. Default: ''."
  type        = string
  default     = null

  validation {
    condition     = var.slack_channel_id == null ? true : can(regex("^([A-Za-z0-9]{1,255})?$", var.slack_channel_id))
    error_message = "slack_channel_id must be as the template has it: ^([A-Za-z0-9]{1,255})?$."
  }
}

variable "trigger_topic_arn" {
  description = "The ARN of the topic of another stack's reports. This stack then looks at the same instances. Empty means none. Default: ''."
  type        = string
  default     = null

  validation {
    condition     = var.trigger_topic_arn == null ? true : can(regex("^(arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256})?$", var.trigger_topic_arn))
    error_message = "trigger_topic_arn must be the ARN of an SNS topic that is not FIFO, or nothing."
  }
}

variable "create_config_rule" {
  description = "false: the conformance pack brings the rule. With both rules, every instance would be evaluated twice. Default: 'true'."
  type        = bool
  default     = null
}

variable "rule_name" {
  description = "The Config rule's name. The remediation listens to the rule of exactly this name, and to those that conformance packs and organizations make of it. Default: 'tagwarden'."
  type        = string
  default     = null

  validation {
    condition     = var.rule_name == null ? true : can(regex("^[A-Za-z0-9_-]{1,64}$", var.rule_name))
    error_message = "rule_name must be as the template has it: ^[A-Za-z0-9_-]{1,64}$."
  }
}

variable "evaluation_frequency" {
  description = "How often every instance is evaluated, in addition to each of its changes. Default: 'TwentyFour_Hours'."
  type        = string
  default     = null

  validation {
    condition     = var.evaluation_frequency == null ? true : contains(["One_Hour", "Three_Hours", "Six_Hours", "Twelve_Hours", "TwentyFour_Hours"], var.evaluation_frequency)
    error_message = "evaluation_frequency must be one of One_Hour, Three_Hours, Six_Hours, Twelve_Hours, TwentyFour_Hours."
  }
}

variable "name" {
  description = "What the functions, their logs, the document and the dashboard are named after. A StackSet needs it, because its stacks have long names. Set on a running stack, it replaces them. Empty: the stack's name, which then has up to 52 characters. Default: ''."
  type        = string
  default     = null

  validation {
    condition     = var.name == null ? true : can(regex("^([a-z][a-z0-9-]{0,30})?$", var.name))
    error_message = "name must be up to 31 lower-case letters, digits and hyphens, first a letter, or nothing."
  }
}

variable "permissions_boundary" {
  description = "The ARN of the policy that is the permissions boundary of every role. Also a reference to an SSM parameter. Empty means none. Default: ''."
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary == null ? true : can(regex("^(arn:aws[a-z-]*:iam::([0-9]{12}|aws):policy/[!-z]+|\\{\\{resolve:ssm:[A-Za-z0-9_./-]+(:[0-9]+)?\\}\\})?$", var.permissions_boundary))
    error_message = "permissions_boundary must be the ARN of an IAM policy, a reference to an SSM parameter, or nothing."
  }
}

variable "role_path" {
  description = "The path of every role, such as /tagwarden/. Also a reference to an SSM parameter. Another path replaces the roles of a running stack. Default: '/'."
  type        = string
  default     = null

  validation {
    condition     = var.role_path == null ? true : can(regex("^(/([A-Za-z0-9_+=,.@-]+/)*|\\{\\{resolve:ssm:[A-Za-z0-9_./-]+(:[0-9]+)?\\}\\})$", var.role_path))
    error_message = "role_path must be a path that begins and ends with /, or a reference to an SSM parameter."
  }
}

variable "kms_key_arn" {
  description = "The ARN of a customer managed key, in this Region, for tables, topics and logs. docs/deploy.md has the policy that it needs. Also a reference to an SSM parameter. Empty: AWS's keys, and a key of the stack's for its topics. Default: ''."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null ? true : can(regex("^(arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+|\\{\\{resolve:ssm:[A-Za-z0-9_./-]+(:[0-9]+)?\\}\\})?$", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a KMS key, a reference to an SSM parameter, or nothing."
  }
}

variable "protect_tables" {
  description = "true: nobody can delete the stack's tables while this is set. Set it after the first deployment, because a deployment that fails must be able to delete them. Default: 'false'."
  type        = bool
  default     = null
}

variable "sweep_schedule" {
  description = "When the sweep looks at every instance, and does what events missed and what the grace period deferred. An EventBridge schedule, rate(...) or cron(...), in UTC. Default: 'rate(6 hours)'."
  type        = string
  default     = null

  validation {
    condition     = var.sweep_schedule == null ? true : can(regex("^(rate|cron)\\(.+\\)$", var.sweep_schedule))
    error_message = "sweep_schedule must be such as rate(6 hours) or cron(0 6 * * ? *)."
  }
}

variable "sweep_alarm" {
  description = "true: an alarm if no sweep ran for more than a day. There is none in any case if SweepSchedule has days in the plural, or a cron that is not for every day. Set false for a rate of more than 24 hours. Default: 'true'."
  type        = bool
  default     = null
}

variable "batching_window_seconds" {
  description = "How long events are collected before they are handled and reported together. Default: '60'."
  type        = number
  default     = null

  validation {
    condition     = var.batching_window_seconds == null ? true : var.batching_window_seconds >= 1 && var.batching_window_seconds <= 300 && floor(var.batching_window_seconds) == var.batching_window_seconds
    error_message = "batching_window_seconds must be a whole number from 1 to 300."
  }
}

variable "reserved_concurrency" {
  description = "The most remediations in flight at a time, whatever started them. 0 reserves nothing: then only the queue is limited, to 2, which is why 1 is too few. Needs an account with more than 100 concurrent executions. Default: '0'."
  type        = number
  default     = null

  validation {
    condition     = var.reserved_concurrency == null ? true : contains([0, 2, 3, 4, 5, 6, 7, 8, 9, 10], var.reserved_concurrency)
    error_message = "reserved_concurrency must be one of 0, 2, 3, 4, 5, 6, 7, 8, 9, 10."
  }
}

variable "architecture" {
  description = "The architecture that the zips were built for. Default: 'arm64'."
  type        = string
  default     = null

  validation {
    condition     = var.architecture == null ? true : contains(["arm64", "x86_64"], var.architecture)
    error_message = "architecture must be one of arm64, x86_64."
  }
}

variable "memory_size" {
  description = "The memory of each function, in MB. Its share of the processor grows with it. Default: '256'."
  type        = number
  default     = null

  validation {
    condition     = var.memory_size == null ? true : var.memory_size >= 128 && var.memory_size <= 3008 && floor(var.memory_size) == var.memory_size
    error_message = "memory_size must be a whole number from 128 to 3008."
  }
}

variable "log_level" {
  description = "The lowest level that the functions log. Metrics do not depend on it. Default: 'INFO'."
  type        = string
  default     = null

  validation {
    condition     = var.log_level == null ? true : contains(["ERROR", "WARN", "INFO"], var.log_level)
    error_message = "log_level must be one of ERROR, WARN, INFO."
  }
}

variable "log_retention_days" {
  description = "How many days CloudWatch keeps the functions' logs. Default: '90'."
  type        = number
  default     = null

  validation {
    condition     = var.log_retention_days == null ? true : contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days must be one of 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653."
  }
}

variable "create_dashboard" {
  description = "false: no dashboard, which costs 3 dollars a month. The metrics stay. Default: 'true'."
  type        = bool
  default     = null
}
