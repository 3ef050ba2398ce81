# Made from cloudformation/tagwarden.yaml by `UPDATE_DOCS=1 cargo test --test deploy`. Do not edit.

output "version" {
  description = "The version of tagwarden that this stack's template belongs to."
  value       = lookup(aws_cloudformation_stack.tagwarden.outputs, "Version", null)
}

output "remediation_function" {
  description = "The remediation function. For a report of everything now, invoke it with {\"detail-type\": \"Scheduled Event\"}."
  value       = lookup(aws_cloudformation_stack.tagwarden.outputs, "RemediationFunction", null)
}

output "rule_function_arn" {
  description = "The ARN of the Config rule's function, for the conformance pack."
  value       = lookup(aws_cloudformation_stack.tagwarden.outputs, "RuleFunctionArn", null)
}

output "remediation_document" {
  description = "The name of the Systems Manager document, for the conformance pack."
  value       = lookup(aws_cloudformation_stack.tagwarden.outputs, "RemediationDocument", null)
}

output "automation_role_arn" {
  description = "The ARN of that document's role, for the conformance pack."
  value       = lookup(aws_cloudformation_stack.tagwarden.outputs, "AutomationRoleArn", null)
}

output "policy_table" {
  description = "The name of the policy table, which outlives the stack. Its ARN, if PolicyTableArn names it."
  value       = lookup(aws_cloudformation_stack.tagwarden.outputs, "PolicyTable", null)
}

output "ledger_table" {
  description = "The name of the ledger table, which outlives the stack."
  value       = lookup(aws_cloudformation_stack.tagwarden.outputs, "LedgerTable", null)
}

output "topic_arn" {
  description = "The topic of the reports, to subscribe to. Alarms go there too, unless AlarmTopicArn names another."
  value       = lookup(aws_cloudformation_stack.tagwarden.outputs, "TopicArn", null)
}

output "letters_topic_arn" {
  description = "The topic of the owners' letters, to which teams subscribe with filter policies."
  value       = lookup(aws_cloudformation_stack.tagwarden.outputs, "LettersTopicArn", null)
}

output "dashboard_url" {
  description = "The dashboard of the functions' metrics."
  value       = lookup(aws_cloudformation_stack.tagwarden.outputs, "DashboardUrl", null)
}
