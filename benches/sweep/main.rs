//! End to end: the cost of the rule's scheduled evaluation and the remediation's sweep for 1,000, 10,000 and 100,000
//! instances.
//!
//! Run `cargo bench --bench sweep`, or one function with other sizes: `cargo bench --bench sweep -- rule 5000`. Each
//! case runs twice, on two equal fleets: in this process on a paused clock, for calls and simulated seconds; and in a
//! process of its own over loopback, in real time, for memory and processor time. The rule is measured when Config
//! already has its results.
//!
//! | module | what it holds |
//! |---|---|
//! | [`fleet`] | the instances and their defects |
//! | [`bound`] | the fewest calls |
//! | [`simulate`] | a function in this process |
//! | [`child`] | a function in a process of its own |

#![allow(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

mod bound;
mod child;
mod fleet;
mod simulate;

use std::fmt::Write as _;
use std::io::{self, Write as _};

use bound::Calls;
use child::{Function, Measured};
use fleet::Fleet;
use simulate::Cost;
use tagwarden_sandbox::{Account, paused_runtime};

const SIZES: [usize; 3] = [1_000, 10_000, 100_000];

fn main() -> io::Result<()> {
    if let Some(function) = Function::of_process() {
        child::run_as_child(function);
        return Ok(());
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut sizes: Vec<usize> = arguments.iter().filter_map(|it| it.parse().ok()).collect();
    if sizes.is_empty() {
        sizes = SIZES.to_vec();
    }
    let is_named = |function: &Function| arguments.iter().any(|it| it == function.name());
    let mut functions = vec![Function::Rule, Function::Sweep];
    if functions.iter().any(is_named) {
        functions.retain(is_named);
    }
    let mut output = io::stdout();
    let mut summary = String::from(
        "| | instances | calls | fewest | ratio | refused for their rate | simulated s | real s | processor s | peak MB | of it before |\n\
         |---|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for function in functions {
        for &size in &sizes {
            let case = Case::run(function, size);
            writeln!(output, "{}", case.page())?;
            summary.push_str(&case.row());
        }
    }
    writeln!(output, "{summary}")
}

/// One function and one size, measured.
struct Case {
    function: Function,
    size: usize,
    fewest: Calls,
    simulated: Cost,
    /// The number of calls that the process made.
    calls: Calls,
    process: Measured,
}

impl Case {
    fn run(function: Function, size: usize) -> Self {
        let (simulated, fewest) = simulated(function, size);
        let fleet = Fleet::launch(Account::new(), size);
        let event = match function {
            Function::Rule => {
                // A paused clock, so that storing the results takes no real time.
                paused_runtime().unwrap().block_on(simulate::rule(&fleet));
                simulate::schedule_of_rule(&fleet)
            }
            Function::Sweep => simulate::schedule_of_sweep(),
        };
        fleet.account.forget_calls();
        let process = child::run(function, &fleet, &event);
        let calls = simulate::cost(&fleet.account, chrono::TimeDelta::zero(), event).calls;
        Self {
            function,
            size,
            fewest,
            simulated,
            calls,
            process,
        }
    }

    /// The measurements, with a line for each operation.
    fn page(&self) -> String {
        let Cost {
            calls,
            refused,
            answer,
            ..
        } = &self.simulated;
        let mut page = format!("{}, {} instances\n", self.function.name(), self.size);
        let mut line = |name: &str, made: usize, fewest: usize, by_process: usize| {
            let _ = writeln!(page, "  {name:<34}{made:>7}{fewest:>9}{by_process:>12}");
        };
        let of = |calls: &Calls, name: &str| calls.get(name).copied().unwrap_or_default();
        for (name, made) in calls {
            line(name, *made, of(&self.fewest, name), of(&self.calls, name));
        }
        let total = [calls, &self.fewest, &self.calls].map(bound::total);
        line("all", total[0], total[1], total[2]);
        let _ = writeln!(page, "  columns: calls, fewest, calls of the process");
        let _ = writeln!(page, "  refused: {refused:?}");
        let _ = writeln!(page, "  answer: {answer}");
        let _ = writeln!(page, "  answer of the process: {}", self.process.answer);
        page
    }

    /// The measurements as a row of a table.
    #[allow(clippy::cast_precision_loss, reason = "they are small numbers")]
    fn row(&self) -> String {
        let [made, fewest] = [&self.simulated.calls, &self.fewest].map(bound::total);
        let Measured {
            seconds,
            processor,
            peak_before,
            peak,
            ..
        } = &self.process;
        format!(
            "| {} | {} | {made} | {fewest} | {:.2} | {} | {:.1} | {seconds:.1} | {processor:.2} | {:.0} | {:.0} |\n",
            self.function.name(),
            self.size,
            made as f64 / fewest as f64,
            self.simulated.throttled(),
            self.simulated.time.num_milliseconds() as f64 / 1_000.0,
            *peak as f64 / 1_024.0,
            *peak_before as f64 / 1_024.0,
        )
    }
}

/// The cost in this process, and the fewest calls.
fn simulated(function: Function, size: usize) -> (Cost, Calls) {
    let account = Account::starting_at("2026-11-23T12:00:00Z".parse().unwrap());
    let fleet = Fleet::launch(account, size);
    paused_runtime().unwrap().block_on(async {
        match function {
            Function::Rule => {
                simulate::rule(&fleet).await;
                let fewest = bound::of_rule(&fleet, size);
                (simulate::rule(&fleet).await, fewest)
            }
            Function::Sweep => {
                let cost = simulate::sweep(&fleet).await;
                let fewest = bound::of_sweep(&fleet, cost.report);
                (cost, fewest)
            }
        }
    })
}
