//! A resource that is about to be created, and where its file defines it.

use std::collections::BTreeMap;

use tagwarden_core::preflight::PlannedLaunch;

use super::fix::FixLanguage;
use crate::pipeline::FilePlace;

/// A file of resources that are about to be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreflightInput {
    /// The path, as it was typed.
    pub path: String,
    pub format: InputFormat,
    /// The program that wrote it, such as `Terraform 1.9.5`, if the file says so.
    pub tool: Option<String>,
    /// The resources to judge, in the file's order.
    pub resources: Vec<PlannedResource>,
    /// What is not judged, and what is not known, each a whole sentence.
    pub notes: Vec<String>,
}

/// The formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputFormat {
    TerraformPlan,
    CloudFormation,
}

impl InputFormat {
    /// Its name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TerraformPlan => "terraform-plan",
            Self::CloudFormation => "cloudformation",
        }
    }
}

/// A resource that is about to be created or changed, and that makes instances.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedResource {
    /// Its type, as its file names it.
    pub type_name: String,
    /// Where it is defined, if that is known.
    pub place: Option<FilePlace>,
    /// Where its tags are, if that is known, by their keys.
    pub tag_places: BTreeMap<String, FilePlace>,
    /// How its tags are written.
    pub language: FixLanguage,
    /// What it launches.
    pub launch: PlannedLaunch,
}
