# Made from cloudformation/tagwarden.yaml by `UPDATE_DOCS=1 cargo test --test deploy`. Do not edit.

# A variable that is null is left to the template's default.
locals {
  given = {
    Mode                  = var.mode
    Untagged              = var.untagged
    TerminateAfterDays    = var.terminate_after_days
    RulesMayDestroy       = var.rules_may_destroy
    GraceMinutes          = var.grace_minutes == null ? null : tostring(var.grace_minutes)
    NoticeHours           = var.notice_hours == null ? null : tostring(var.notice_hours)
    MaxDestructivePerHour = var.max_destructive_per_hour == null ? null : tostring(var.max_destructive_per_hour)
    ManagerTags           = var.manager_tags
    ResourceTypes         = var.resource_types == null ? null : join(",", var.resource_types)
    VpcIds                = var.vpc_ids
    PolicyTableName       = var.policy_table_name
    CreatePolicyTable     = var.create_policy_table == null ? null : tostring(var.create_policy_table)
    SeedPolicy            = var.seed_policy == null ? null : tostring(var.seed_policy)
    TagKeys               = var.tag_keys == null ? null : join(",", var.tag_keys)
    PolicyTableArn        = var.policy_table_arn
    PolicyKeyArn          = var.policy_key_arn
    Email                 = var.email
    ReportEmail           = var.report_email
    ReportSubject         = var.report_subject
    ReportTopicArn        = var.report_topic_arn
    ReportTopicKeyArn     = var.report_topic_key_arn
    AlarmTopicArn         = var.alarm_topic_arn
    OwnerTags             = var.owner_tags
    CreateLettersTopic    = var.create_letters_topic == null ? null : tostring(var.create_letters_topic)
    ContactTopics         = var.contact_topics == null ? null : join(",", var.contact_topics)
    MailFrom              = var.mail_from
    MailDomains           = var.mail_domains == null ? null : join(",", var.mail_domains)
    SlackWorkspaceId      = var.slack_workspace_id
    SlackChannelId        = var.slack_channel_id
    TriggerTopicArn       = var.trigger_topic_arn
    CreateConfigRule      = var.create_config_rule == null ? null : tostring(var.create_config_rule)
    RuleName              = var.rule_name
    EvaluationFrequency   = var.evaluation_frequency
    Name                  = var.name
    PermissionsBoundary   = var.permissions_boundary
    RolePath              = var.role_path
    KmsKeyArn             = var.kms_key_arn
    ProtectTables         = var.protect_tables == null ? null : tostring(var.protect_tables)
    SweepSchedule         = var.sweep_schedule
    SweepAlarm            = var.sweep_alarm == null ? null : tostring(var.sweep_alarm)
    BatchingWindowSeconds = var.batching_window_seconds == null ? null : tostring(var.batching_window_seconds)
    ReservedConcurrency   = var.reserved_concurrency == null ? null : tostring(var.reserved_concurrency)
    Architecture          = var.architecture
    MemorySize            = var.memory_size == null ? null : tostring(var.memory_size)
    LogLevel              = var.log_level
    LogRetentionDays      = var.log_retention_days == null ? null : tostring(var.log_retention_days)
    CreateDashboard       = var.create_dashboard == null ? null : tostring(var.create_dashboard)
  }
  parameters = { for name, value in local.given : name => value if value != null }
}
