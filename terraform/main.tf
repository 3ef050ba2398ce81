# Uploads the zips and the template, and makes the stack that scripts/deploy would make.

locals {
  architecture = coalesce(var.architecture, "arm64")
  functions    = toset(["tagwarden-rule", "tagwarden-remediation"])
  zips         = { for name in local.functions : name => "${var.files}/${name}-${local.architecture}.zip" }
  # By their content, so that an update and a rollback find the zips that they mean.
  keys = { for name, zip in local.zips : name => "${var.prefix}/${filesha256(zip)}.zip" }

  # The template names the zips by a path, which is what the AWS CLI's `package` replaces, too.
  template = replace(
    replace(
      file("${var.files}/tagwarden.yaml"),
      "Code: ../target/lambda/tagwarden-rule.zip",
      "Code: { S3Bucket: \"${var.bucket}\", S3Key: \"${local.keys["tagwarden-rule"]}\" }",
    ),
    "Code: ../target/lambda/tagwarden-remediation.zip",
    "Code: { S3Bucket: \"${var.bucket}\", S3Key: \"${local.keys["tagwarden-remediation"]}\" }",
  )
}

resource "aws_s3_object" "zip" {
  #checkov:skip=CKV_AWS_186:The bucket decides how it encrypts, or object_kms_key_id.
  for_each = local.zips

  bucket      = var.bucket
  key         = local.keys[each.key]
  source      = each.value
  source_hash = filesha256(each.value)
  kms_key_id  = var.object_kms_key_id

  # An update that fails goes back to the older zips, so they go only once the stack has been updated.
  lifecycle {
    create_before_destroy = true
  }
}

# CloudFormation takes a template of this size from a bucket only.
resource "aws_s3_object" "template" {
  #checkov:skip=CKV_AWS_186:The bucket decides how it encrypts, or object_kms_key_id.
  bucket       = var.bucket
  key          = "${var.prefix}/${sha256(local.template)}.yaml"
  content      = local.template
  content_type = "application/yaml"
  kms_key_id   = var.object_kms_key_id

  lifecycle {
    create_before_destroy = true

    # A stack whose template names a zip by a path fails only after its tables were made.
    precondition {
      condition     = length(regexall("\\.\\./target", local.template)) == 0
      error_message = "tagwarden.yaml in files names zips in a way that this module does not replace. Take the module and the files of one release."
    }
  }
}

data "aws_region" "here" {}

data "aws_partition" "here" {}

resource "aws_cloudformation_stack" "tagwarden" {
  #checkov:skip=CKV_AWS_124:Who wants the stack's events gives notification_arns.
  name              = var.stack_name
  template_url      = "https://${var.bucket}.s3.${data.aws_region.here.id}.${data.aws_partition.here.dns_suffix}/${aws_s3_object.template.key}"
  parameters        = merge(local.parameters, { Architecture = local.architecture })
  capabilities      = ["CAPABILITY_IAM"]
  iam_role_arn      = var.iam_role_arn
  notification_arns = var.notification_arns
  tags              = var.tags

  # Functions that are made must find their zips.
  depends_on = [aws_s3_object.zip]
}
