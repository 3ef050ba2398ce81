//! What a browser shows of the page.

use std::path::Path;
use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::browser::look;
use crate::fleet::{self, SOURCES, STRANGE, page};
use crate::ledger::week;
use crate::scene::Scene;

/// A page of thirty instances and a ledger's week, as it is seen on several screens, and once without scripts.
static VIEWS: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let scene = Scene::new("report-shown");
    week(&scene);
    let page = scene.path("page.html");
    fleet::write(page.parent().unwrap(), 30);
    let output = scene.run(&[&["report", "page.html"], &SOURCES[..]].concat());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    look(&page)
});

/// Those in which the page's script runs.
fn live() -> impl Iterator<Item = &'static Value> {
    VIEWS.iter().filter(|view| view["name"] != "wide-plain")
}

fn view(name: &str) -> &'static Value {
    VIEWS.iter().find(|view| view["name"] == name).unwrap()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value}"))
}

#[test]
fn the_figures_are_those_of_the_fleet() {
    let expected = json!({
        "noncompliant": "12", "tag": "12", "stop": "0", "terminate": "3", "later": "0", "person": "0",
    });
    for view in VIEWS.iter() {
        let name = &view["name"];
        assert_eq!(view["heading"], "EC2 tagging compliance");
        assert_eq!(
            view["under"],
            "30 instances of fleet.json under policy.yaml, as of 23 November 2026, 12:00 UTC"
        );
        assert_eq!(view["figure"], "50%", "{name}");
        assert_eq!(
            view["after"],
            "100% after the plan below is carried out, of the 21 that remain"
        );
        assert_eq!(view["tiles"], expected, "{name}");
        assert_eq!(view["rows"], 30);
    }
}

#[test]
fn the_charts_are_those_of_the_fleet() {
    for view in VIEWS.iter() {
        let shares = view["shares"].as_array().unwrap();
        assert_eq!(
            shares[0],
            json!([
                "ProjectCode rule 1, required: filled with \"Proj007\" 62% 15 of 24 6 missing, 3 empty",
                "CreatedBy rule 2, required: filled with its launcher 75% 18 of 24 6 missing",
                "Expires rule 3, optional: filled with today() 75% 18 of 24 6 missing",
            ])
        );
        assert_eq!(shares[1].as_array().unwrap().len(), 3, "{shares:?}");
        let launchers = shares[2].as_array().unwrap();
        assert!(
            launchers.contains(&json!("ann 60% 9 of 15")),
            "{launchers:?}"
        );
        assert!(launchers.contains(&json!("not known 0% 0 of 6")));
        // Bars are there to be seen, at any width.
        let bars = view["bars"].as_array().unwrap();
        assert!(bars.iter().all(|bar| number(bar) > 80.0), "{bars:?}");
        assert!(number(&view["columns"]) >= 10.0, "{view}");
        let acts = view["series"].to_string();
        for act in [
            "2 tags written",
            "0 instances stopped",
            "1 instance terminated",
            "1 not done",
        ] {
            assert!(acts.contains(act), "{acts}");
        }
        assert!(
            view["gaps"]
                .to_string()
                .contains("No recording says who launched 3 instances")
        );
    }
}

#[test]
fn makes_no_request_and_logs_no_error() {
    for view in VIEWS.iter() {
        assert_eq!(view["requests"], json!([]), "{}", view["name"]);
        assert_eq!(view["errors"], json!([]), "{}", view["name"]);
    }
}

#[test]
fn shows_foreign_text_as_text() {
    for view in VIEWS.iter() {
        assert_eq!(view["strangers"], 0, "{}", view["name"]);
        let names = view["strangeNames"].as_array().unwrap();
        for strange in STRANGE {
            // What no browser shows is told as a sign of its own.
            let shown = strange.replace(['\u{0}', '\u{1b}', '\u{202e}'], "\u{fffd}");
            assert!(names.contains(&json!(shown)), "{shown}: {names:?}");
        }
    }
}

/// Should a value ever get past the escaping: the browser runs no script but the page's, and loads nothing.
#[test]
fn content_security_policy_blocks_injected_scripts() {
    for view in live() {
        let blocked = json!(["connect-src", "img-src", "script-src-elem"]);
        assert_eq!(
            view["intrusion"],
            json!({"blocked": blocked, "intruded": null})
        );
    }
}

#[test]
fn nothing_is_wider_than_the_screen() {
    for view in VIEWS.iter() {
        let width = number(&view["innerWidth"]);
        let mut widths = vec![&view["scrollWidth"]];
        if let Some(did) = view.get("did") {
            widths.extend([&did["openedWidth"], &did["noncompliant"]["scrollWidth"]]);
        }
        for wide in widths {
            assert!(number(wide) <= width, "{}: {wide} in {width}", view["name"]);
        }
    }
    assert_eq!(view("narrow-light")["innerWidth"], 360);
    assert_eq!(view("narrow-light")["cards"], true);
    assert_eq!(view("middle-light")["cards"], true);
    assert_eq!(view("wide-light")["cards"], false);
}

#[test]
fn is_readable_in_light_dark_and_print() {
    for screen in ["wide", "narrow"] {
        let (light, dark) = (
            view(&format!("{screen}-light")),
            view(&format!("{screen}-dark")),
        );
        assert_ne!(light["background"], dark["background"]);
        assert_ne!(light["color"], dark["color"]);
        let darkness = |view: &Value| {
            let color = view["background"].as_str().unwrap().to_owned();
            let parts = color
                .trim_matches(|it: char| !it.is_ascii_digit())
                .split(", ");
            parts.map(|part| part.parse::<u32>().unwrap()).sum::<u32>()
        };
        assert!(darkness(light) > 600 && darkness(dark) < 120);
    }
    // WCAG 2.2: 4.5 to 1 for text (1.4.3), 3 to 1 for what is drawn (1.4.11).
    for view in VIEWS.iter() {
        let did = &view["did"];
        for seen in [&view["contrast"], &did["opened"], &did["print"]] {
            if seen.is_null() {
                continue;
            }
            assert!(number(&seen["texts"]) > 100.0);
            assert!(
                number(&seen["least"]["ratio"]) >= 4.5,
                "{}: {seen}",
                view["name"]
            );
            assert!(
                number(&seen["drawn"]["ratio"]) >= 3.0,
                "{}: {seen}",
                view["name"]
            );
        }
    }
}

#[test]
fn the_table_sorts() {
    for view in live() {
        let days = |how: &str| -> Vec<String> {
            serde_json::from_value(view["did"][how]["launched"].clone()).unwrap()
        };
        let rising = days("rising");
        assert_eq!(rising.len(), 30);
        assert!(rising.is_sorted(), "{rising:?}");
        assert_ne!(rising.first(), rising.last());
        assert_eq!(
            view["did"]["rising"]["sorted"],
            json!(["Launched ascending"])
        );
        if view["cards"] == false {
            let mut falling = days("falling");
            falling.reverse();
            assert_eq!(falling, rising);
            assert_eq!(
                view["did"]["falling"]["sorted"],
                json!(["Launched descending"])
            );
        }
    }
}

#[test]
fn the_table_filters() {
    for view in live() {
        let did = |what: &str| &view["did"][what];
        // web-0 to web-29, but for three without a name and five with a strange one, of which one is without any.
        assert_eq!(did("web")["shown"], "22 of 30");
        assert_eq!(did("web")["visible"], 22);
        assert_eq!(did("nothing")["visible"], 0);
        assert_eq!(did("noncompliant")["shown"], "12 of 30");
        assert_eq!(did("noncompliant")["verdicts"], json!(["non-compliant"]));
        assert_eq!(did("terminate")["visible"], 3);
        assert_eq!(did("all")["shown"], "30 of 30");
    }
}

#[test]
fn shows_everything_without_scripts() {
    let plain = view("wide-plain");
    assert_eq!(plain["visible"], 30);
    // The box to type into would do nothing.
    assert_eq!(plain["shown"], "");
}

fn is_sound(views: &[Value]) {
    for view in views {
        assert_eq!(view["errors"], json!([]));
        assert_eq!(view["requests"], json!([]));
        assert!(
            number(&view["scrollWidth"]) <= number(&view["innerWidth"]),
            "{view}"
        );
    }
}

#[test]
fn makes_a_page_of_an_empty_fleet() {
    let nothing = look(&page("nothing", 0));
    is_sound(&nothing);
    assert_eq!(nothing[0]["figure"], "–");
    assert_eq!(nothing[0]["rows"], 0);
    assert!(
        nothing[0]["shares"][0][0]
            .as_str()
            .unwrap()
            .ends_with("– 0 of 0")
    );
    let three = look(&page("three", 3));
    is_sound(&three);
    assert_eq!(three[0]["figure"], "66%");
    assert_eq!(three[0]["rows"], 3);
}

#[test]
fn ten_thousand_instances_are_quick() {
    let views = look(&page("large", 10_000));
    is_sound(&views);
    for view in &views {
        assert_eq!(view["rows"], 10_000);
        let has_script = view["name"] != "wide-plain";
        let visible = if has_script { 200 } else { 10_000 };
        assert_eq!(view["visible"], visible, "{}", view["name"]);
        if has_script {
            assert_eq!(view["shown"], "the first 200 of 10,000");
            // A tenth of it on a machine of its own; it would be a minute if each row was laid out anew.
            let sorted_in = number(&view["did"]["sortedIn"]);
            assert!(sorted_in < 10_000.0, "{sorted_in} ms");
        }
    }
}

/// The screenshots are looked at by people: they must be there.
#[test]
fn the_screenshots_are_beside_the_page() {
    assert_eq!(VIEWS.len(), 6);
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("policy-ledger-report-shown");
    for name in ["wide-light", "wide-dark", "narrow-light", "narrow-dark"] {
        let shot = directory.join(format!("page-{name}.png"));
        assert!(
            shot.metadata().unwrap().len() > 10_000,
            "{}",
            shot.display()
        );
    }
}
