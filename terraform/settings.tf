# What the module needs besides the parameters of the template, which are in variables.tf.

variable "stack_name" {
  description = "The stack's name. It is a part of the names of functions, alarms and tables."
  type        = string
  default     = "tagwarden"

  validation {
    condition     = can(regex("^[a-zA-Z][a-zA-Z0-9-]{0,38}$", var.stack_name))
    error_message = "stack_name must begin with a letter and have at most 39 letters, digits and hyphens."
  }
}

variable "files" {
  description = "The folder with a release's files: tagwarden-rule-arm64.zip, tagwarden-remediation-arm64.zip or those for x86_64, and tagwarden.yaml."
  type        = string
}

variable "bucket" {
  description = "An S3 bucket in the stack's Region, for the zips and the template."
  type        = string
}

variable "prefix" {
  description = "The beginning of the keys in the bucket."
  type        = string
  default     = "tagwarden"
}

variable "tags" {
  description = "Tags for the stack and all its resources. The objects in the bucket have none, because S3 takes ten at most."
  type        = map(string)
  default     = {}
}

variable "iam_role_arn" {
  description = "The role with which CloudFormation makes the stack. Null means the permissions of whoever runs Terraform."
  type        = string
  default     = null
}

variable "notification_arns" {
  description = "Topics that get the stack's events."
  type        = list(string)
  default     = null
}

variable "object_kms_key_id" {
  description = "The ARN of a KMS key for the objects in the bucket. Null means the bucket's own encryption."
  type        = string
  default     = null
}
