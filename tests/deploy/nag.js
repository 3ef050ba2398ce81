// Judges templates of CloudFormation by the rules of cdk-nag: `node nag.js FOLDER TEMPLATE.json ...`. Writes the report
// validation-report.json to the folder.

const path = require("path");
const cdk = require("aws-cdk-lib");
const { CfnInclude } = require("aws-cdk-lib/cloudformation-include");
const { AwsSolutionsChecks, NIST80053R5Checks } = require("cdk-nag");

const [outdir, ...templates] = process.argv.slice(2);
const app = new cdk.App({ outdir, analyticsReporting: false });
for (const templateFile of templates) {
  const stack = new cdk.Stack(app, path.basename(templateFile, ".json"));
  new CfnInclude(stack, "Template", { templateFile });
}
cdk.Validations.of(app).addPlugins(new AwsSolutionsChecks(app), new NIST80053R5Checks(app));
try {
  app.synth();
} catch (error) {
  // Findings are an error, too.
  if (!/Validation failed/.test(error.message)) throw error;
}
