//! Subnets: `DescribeSubnets`.

use super::check_dry_run;
use crate::Account;
use crate::account::Contents;
use crate::calls::Request;
use crate::wire::{Answer, ApiError, Xml};

impl Contents {
    /// The subnets with the ids asked for. See
    /// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSubnets.html>.
    pub(crate) fn describe_subnets(&mut self, request: &Request) -> Result<Answer, ApiError> {
        request.only(&["SubnetId", "DryRun"])?;
        check_dry_run(request)?;
        let ids = request.list("SubnetId");
        let unknown = ids.iter().find(|id| !self.ec2.subnets.contains_key(**id));
        if let Some(id) = unknown {
            let message = format!("The subnet ID '{id}' does not exist");
            return Err(ApiError::new("InvalidSubnetID.NotFound", message));
        }
        let subnets = self.ec2.subnets.iter();
        let asked = subnets.filter(|(id, _)| ids.is_empty() || ids.contains(&id.as_str()));
        let mut xml = Xml::default();
        xml.items("subnetSet", asked, |xml, (id, vpc_id)| {
            xml.text("subnetId", id);
            xml.text("state", "available");
            xml.text("vpcId", vpc_id);
            xml.text("ownerId", &self.place.account);
        });
        Ok(Answer::Xml(xml))
    }
}

impl Account {
    /// Puts the subnet `id` into the VPC `vpc_id`.
    pub fn create_subnet(&self, id: &str, vpc_id: &str) {
        let mut contents = self.contents();
        let subnets = &mut contents.ec2.subnets;
        subnets.insert(id.to_owned(), vpc_id.to_owned());
    }
}
