# tagwarden in one account and Region: a dry run, with reports by mail.

provider "aws" {
  region = "eu-west-1"
}

module "tagwarden" {
  source = "../.."

  # A release, downloaded: gh release download v0.2.0 --repo acme/tagwarden --dir release
  files  = "${path.module}/release"
  bucket = "acme-tagwarden-eu-west-1"

  email    = "cloud@acme.example"
  untagged = "notify"
  tags     = { CostCenter = "42" }
}

output "ledger_table" {
  value = module.tagwarden.ledger_table
}
