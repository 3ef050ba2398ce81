//! What people read.

use rstest::rstest;
use tagwarden_core::policy::ReportTemplate;

use super::sample::{Sample, dry_run, enforced, missing, report, tag};
use super::*;
use crate::link::Sender;
use crate::plan::{Cause, StepFailure};

fn somewhere() -> ReportContext<'static> {
    ReportContext {
        region: Some("eu-west-1"),
        ledger_table: Some("tagwarden-LedgerTable-1ABC2DEF3GHI"),
        template: None,
    }
}

/// The policy table's own template.
fn own(text: &str) -> ReportTemplate {
    ReportTemplate {
        row_id: 1000,
        text: text.to_owned(),
    }
}

fn somewhere_with(template: &ReportTemplate) -> ReportContext<'_> {
    ReportContext {
        template: Some(template),
        ..somewhere()
    }
}

/// The texts of a report's messages.
fn texts(report: &Report, context: ReportContext<'_>) -> Vec<String> {
    let told = messages(report, context);
    told.messages.into_iter().map(|it| it.text).collect()
}

fn many(number: usize) -> Vec<Sample> {
    let samples = (0..number).map(|at| match at % 3 {
        0 => (missing(1), tag("Proj007"), Outcome::Done),
        1 => (missing(3), tag("ann"), Outcome::Done),
        _ => {
            let failure = StepFailure::without_code(
                "ec2:CreateTags: InternalError: An internal error has occurred",
            );
            (missing(1), tag("Proj007"), Outcome::Failed(failure))
        }
    });
    samples.collect()
}

const GUIDE: &str = include_str!("../../../docs/report.md");

/// The report that the guide shows.
fn guides_report() -> Report {
    let samples = enforced();
    let [
        tagged,
        untold,
        terminated,
        denied,
        protected,
        young,
        unknown,
    ] = [0, 1, 3, 7, 8, 12, 2].map(|at| samples[at].clone());
    let samples = [
        tagged.clone(),
        untold,
        terminated,
        denied,
        protected,
        young,
        unknown,
        tagged,
    ];
    let mut report = report(Mode::Enforce, samples);
    report.instances = 120;
    report.entries[0].done_by = None;
    report
}

/// The guide has this text, as a block of its own.
fn guide_shows(text: &str) {
    let block = format!("```text\n{}\n```", text.trim_end());
    assert!(
        GUIDE.contains(&block),
        "docs/report.md does not show:\n{text}"
    );
}

#[test]
fn guide_shows_the_text() {
    guide_shows(&texts(&guides_report(), somewhere()).concat());
}

#[test]
fn guide_shows_what_its_template_makes() {
    let (_, template) = GUIDE.split_once("ReportTemplate: |\n").unwrap();
    let (template, _) = template.split_once("```").unwrap();
    let lines = template
        .lines()
        .map(|line| line.strip_prefix("    ").unwrap_or(line));
    let text = lines.collect::<Vec<_>>().join("\n") + "\n";
    assert_eq!(check_template(&text), Ok(()));
    let template = ReportTemplate { row_id: 1000, text };
    let context = ReportContext {
        template: Some(&template),
        ..somewhere()
    };
    guide_shows(&texts(&guides_report(), context).concat());
}

#[test]
fn guide_shows_the_json() {
    let mut report = guides_report();
    report.entries.truncate(1);
    let arn = "arn:aws:lambda:eu-west-1:123456789012:function:tagwarden-remediation";
    report.origin.sender = Sender::of_function(arn, "", None);
    let told = messages(&report, somewhere());
    let json: serde_json::Value = serde_json::from_str(&told.messages[0].json).unwrap();
    let (_, shown) = GUIDE.split_once("```json\n").unwrap();
    let (shown, _) = shown.split_once("```").unwrap();
    let shown: serde_json::Value = serde_json::from_str(shown).unwrap();
    assert_eq!(shown, json);
}

/// A member that the guide does not name is none that anybody uses.
#[test]
fn guide_names_every_variable() {
    sample::with_samples(|view| {
        let view = serde_json::to_value(view).unwrap();
        let group = &view["groups"][0];
        for object in [
            &view,
            &view["summary"],
            group,
            &group["entries"][0],
            &group["blocks"][0],
        ] {
            for name in object.as_object().unwrap().keys() {
                assert!(GUIDE.contains(&format!("`{name}`")), "{name}");
            }
        }
        Ok::<_, ()>(())
    })
    .unwrap();
}

#[test]
fn reports_a_run_that_enforces() {
    let report = report(Mode::Enforce, enforced());
    insta::assert_snapshot!(texts(&report, somewhere()).concat());
}

#[test]
fn reports_a_dry_run_without_a_region() {
    let report = report(Mode::DryRun, dry_run());
    insta::assert_snapshot!(texts(&report, ReportContext::default()).concat());
}

#[test]
fn reports_one_instance() {
    let report = report(Mode::Enforce, enforced().into_iter().skip(1).take(1));
    insta::assert_snapshot!(texts(&report, somewhere()).concat());
}

/// One link for all lines of an instance that need the same of a person, and each advice once.
#[test]
fn reports_one_instance_with_many_problems() {
    let samples = enforced();
    let [denied, protected, owned, reported] = [7, 8, 9, 6].map(|at| samples[at].clone());
    let also_denied = (missing(2), tag("2026-11-23"), denied.2.clone());
    let samples = [denied, also_denied, owned, protected, reported];
    let mut report = report(Mode::Enforce, samples);
    for entry in &mut report.entries {
        entry.step.instance_id = "i-0a1b2c3d4e5f60718".to_owned();
        entry.done_by = None;
    }
    report.instances = 1;
    insta::assert_snapshot!(texts(&report, somewhere()).concat());
}

/// The text of a report that is too large shows what needs a person, and the first of everything else.
#[test]
fn shortens_a_long_report() {
    let samples = many(3_000);
    let told = messages(&report(Mode::Enforce, samples), somewhere());
    let text = &told.messages[0].text;
    assert!(text.len() < 100_000, "{}", text.len());
    let lines: Vec<&str> = text.lines().collect();
    let (first, last) = (&lines[..6], &lines[lines.len() - 32..]);
    insta::assert_snapshot!(format!("{}\n[…]\n{}\n", first.join("\n"), last.join("\n")));
}

/// A notice that nobody can read in the text is not given.
#[test]
fn a_notice_without_room_does_not_count() {
    let day = chrono::DateTime::from_timestamp(1_795_435_200, 0).unwrap();
    let announced = Outcome::Deferred(Reason::Announced { day, notice: None });
    let samples = (0..2_000).map(|_| (Cause::Untagged, Remedy::Terminate, announced.clone()));
    let report = report(Mode::Enforce, samples);
    let told = messages(&report, somewhere());
    let text = &told.messages[0].text;
    let shown = |id: &str| text.contains(&format!("-- {id} is to be terminated"));
    let ids = report.entries.iter().map(|it| &it.step.instance_id);
    let unshown: BTreeSet<String> = ids.filter(|id| !shown(id)).cloned().collect();
    assert!(unshown.len() > 1_000, "{}", unshown.len());
    assert_eq!(told.unannounced, unshown);
    let few = report_of_few();
    assert_eq!(messages(&few, somewhere()).unannounced, BTreeSet::new());
}

fn report_of_few() -> Report {
    report(Mode::Enforce, enforced())
}

#[test]
fn names_a_broken_template_in_the_built_in_text() {
    let report = report(Mode::Enforce, enforced().into_iter().take(2));
    let template = own("{{ heading }}\n{% for entry in entries %}\n");
    let context = somewhere_with(&template);
    insta::assert_snapshot!(texts(&report, context).concat());
    let problem = messages(&report, context).problem.unwrap();
    assert!(
        problem.contains("row 1000") && problem.contains("Line 2: "),
        "{problem}"
    );
}

#[test]
fn what_needs_a_person_comes_first_and_whole() {
    let mut samples = many(600);
    samples.extend(many(1_200).into_iter().filter(|it| it.2 == Outcome::Done));
    samples.reverse();
    let text = texts(&report(Mode::Enforce, samples), somewhere()).remove(0);
    assert_eq!(text.matches("Tagging failed").count(), 200);
    assert_eq!(text.matches("New tag created").count(), 10);
    let rest = "1190 more lines are not in this text.";
    assert!(text.contains(rest), "{text}");
}

/// All those over the budget are one line, however many there are.
#[test]
fn counts_all_that_the_budget_holds_back() {
    let budget = Outcome::Refused(Reason::Budget { limit: 10 });
    let samples = (0..3_000).map(|_| (Cause::Untagged, Remedy::Terminate, budget.clone()));
    let text = texts(&report(Mode::Enforce, samples), somewhere()).remove(0);
    assert!(
        text.contains("-- 3000 instances have not been stopped or terminated: "),
        "{text}"
    );
    assert!(!text.contains("not in this text"), "{text}");
}

/// A template whose text is too large shows fewer entries. The JSON has them all.
#[test]
fn a_long_template_shows_fewer_entries() {
    let report = report(Mode::Enforce, many(600));
    let told = |text: &str| {
        let template = own(text);
        let told = messages(&report, somewhere_with(&template));
        let text = told.messages[0].text.clone();
        (text.len() < 100_000, told.problem.is_some(), text)
    };
    let lines = "{% for group in groups %}{% for entry in group.entries %}{{ entry.line }}\n{% endfor %}{% endfor %}";
    let (fits, is_broken, text) = told(&format!("{{{{ 'x' * 60000 }}}}\n{lines}{{{{ rest }}}}"));
    assert!(fits && !is_broken);
    assert!(text.contains("Tagging failed") && text.contains("more lines are not in this text"));
    let (fits, is_broken, _) = told("{{ 'x' * 100000 }}");
    assert!(fits && is_broken);
}

/// Every way in which a template can fail, and what is said of it.
#[rstest]
#[case::syntax("{{ heading", "Line 1: syntax error")]
#[case::filter(
    "\n\n{{ heading | shout }}",
    "Line 3: unknown filter: filter shout is unknown"
)]
#[case::function("{{ shout() }}", "Line 1: unknown function: shout is unknown")]
#[case::endless(
    "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
    "it takes more time or memory than a text may"
)]
#[case::long(&"word ".repeat(4_000), "It is longer than 16384 bytes")]
#[case::nested_lists(
    "{% set ns = namespace(x=[]) %}{% for i in range(30000) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x }}",
    "Line 1: unknown function: namespace is unknown"
)]
#[case::in_circles(
    "{% macro again() %}{{ again() }}{% endmacro %}\n{{ again() }}",
    "recursion limit exceeded"
)]
#[case::doubling(
    "{% set x = 'aaaaaaaaaaaaaaaa' %}{% set x = x ~ x ~ x ~ x ~ x ~ x ~ x ~ x ~ x ~ x ~ x ~ x ~ x ~ x ~ x %}\
     {% set x = x ~ x ~ x ~ x ~ x ~ x ~ x ~ x ~ x ~ x ~ x ~ x ~ x ~ x ~ x ~ x ~ x ~ x ~ x ~ x ~ x ~ x ~ x ~ x %}\
     {% set x = x ~ x ~ x ~ x ~ x ~ x ~ x ~ x ~ x ~ x ~ x ~ x ~ x ~ x ~ x ~ x ~ x ~ x ~ x ~ x ~ x ~ x ~ x ~ x %}\
     {% set x = x ~ x ~ x ~ x ~ x ~ x ~ x ~ x ~ x ~ x ~ x ~ x ~ x ~ x ~ x ~ x ~ x ~ x ~ x ~ x ~ x ~ x ~ x ~ x %}",
    "it takes more time or memory than a text may"
)]
#[case::huge(
    "{{ 'x' * 100000000 }}",
    "it takes more time or memory than a text may"
)]
#[case::large("{{ 'x' * 300000 }}", "Its text is too large")]
#[case::empty("{# nothing #}\n", "It makes an empty text")]
fn no_template_loses_a_report(#[case] source: &str, #[case] problem: &str) {
    let report = report(Mode::Enforce, enforced());
    let template = own(source);
    let context = somewhere_with(&template);
    let told = messages(&report, context);
    let said = told.problem.unwrap();
    assert!(said.contains(problem), "{said}");
    let text = &told.messages[0].text;
    assert!(
        text.starts_with(text::HEADING) && text.ends_with(&format!("{said}\n")),
        "{text}"
    );
    for entry in &report.entries {
        assert!(text.contains(&entry.step.instance_id), "{text}");
    }
}

/// As deep as so long a template can nest: whether it is taken or not, nothing ends but it.
#[rstest]
#[case::sum(&format!("{{{{ 1{} }}}}", "+1".repeat(8_100)))]
#[case::filters(&format!("{{{{ heading{} }}}}", "|upper".repeat(2_700)))]
#[case::branches(&format!("{{% if 0 %}}{}{{% endif %}}", "{%elif 0%}".repeat(1_600)))]
#[case::brackets(&format!("{{{{ {}{} }}}}", "[".repeat(8_100), "]".repeat(8_100)))]
#[case::blocks(&"{%if 1%}".repeat(2_000))]
#[case::denials(&format!("{{{{ {}1 }}}}", "not ".repeat(4_000)))]
#[case::members(&format!("{{{{ heading{} }}}}", ".a".repeat(8_100)))]
#[case::joined(&format!("{{{{ 1{} }}}}", "~1".repeat(8_100)))]
fn no_template_is_too_deep(#[case] source: &str) {
    assert!(source.len() <= 16 * 1024);
    let _ = check_template(source);
    let report = report(Mode::Enforce, enforced());
    let template = own(source);
    let context = somewhere_with(&template);
    assert!(!messages(&report, context).messages.is_empty());
}

#[rstest]
#[case::built_in(include_str!("report.j2"))]
#[case::if_without_else("{{ heading if dryRun }}.")]
#[case::macros("{% macro twice(word) %}{{ word }}{{ word }}{% endmacro %}{{ twice(heading) }}")]
#[case::none_is_no_undefined("{{ region or 'no Region' }}{{ history or '' }}")]
#[case::every_member(
    "{{ heading }}{{ mode }}{{ dryRun }}{{ runId }}{{ region }}{{ part }}{{ parts }}{{ repeated }}{{ closing }}\
     {{ history }}{{ problem }}{{ summary.instances }}{{ summary.wouldTerminate }}{% for group in groups %}\
     {{ group.name }}{{ group.title }}{{ group.instances }}{{ group.instancesInAll }}{% for block in group.blocks %}\
     {{ block.lines | join('\n') }}{{ block.link }}{{ block.advice }}{% endfor %}{% for entry in group.entries %}\
     {{ entry.instanceId }}{{ entry.finding }}{{ entry.ruleId }}{{ entry.tagKey }}{{ entry.remedy }}\
     {{ entry.tagValue }}{{ entry.outcome }}{{ entry.reason }}{{ entry.runId }}{{ entry.line }}{{ entry.link }}\
     {{ entry.advice }}{% endfor %}{% endfor %}"
)]
fn sound_templates_pass_the_check(#[case] source: &str) {
    assert_eq!(check_template(source), Ok(()));
}

#[rstest]
#[case("{{ heading }}\n{{ headign }}", "line 2: undefined value")]
#[case(
    "{% for group in groups %}{{ group.lines }}{% endfor %}",
    "line 1: undefined value"
)]
#[case("{% if summary.terminatd %}x{% endif %}", "line 1: undefined value")]
#[case(
    "{% if dryRun %}{{ groups | shout }}{% endif %}x",
    "line 1: unknown filter"
)]
#[case(
    "{% if not region %}{{ nothing }}{% endif %}x",
    "line 1: undefined value"
)]
#[case("{% if not dryRun %}x{% endif %}", "it makes an empty text")]
#[case(
    "{% include 'other' %}",
    "line 1: syntax error: unknown statement include"
)]
fn check_finds_errors_that_few_reports_reach(#[case] source: &str, #[case] problem: &str) {
    let error = check_template(source).unwrap_err().to_string();
    assert!(error.contains(problem), "{error}");
}

/// A template that was pushed before a variable came, or by hand, still makes its text.
#[test]
fn prints_nothing_for_an_unknown_variable() {
    let report = report(Mode::Enforce, enforced());
    let template = ReportTemplate {
        row_id: 1000,
        text: "Tags <{{ newer }}{% for one in newer %}x{% endfor %}>".to_owned(),
    };
    let context = ReportContext {
        template: Some(&template),
        ..somewhere()
    };
    assert_eq!(texts(&report, context), ["Tags <>"]);
}
