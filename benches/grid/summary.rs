//! The few numbers that a run comes to.

use serde_json::{Value as Json, json};

use crate::{
    cold::Cold,
    question::Shape,
    results::{Cell, Results},
    side::Task,
    tantivy_side::Filter,
    timing::Took,
};

/// A ratio over many cells.
#[derive(Debug)]
pub(crate) struct Ratio {
    /// Of what to what, and over which cells.
    pub(crate) what: String,
    /// Cells.
    pub(crate) cells: usize,
    /// Geometric mean.
    pub(crate) mean: f64,
    /// The cell that speaks most against ours.
    pub(crate) worst: f64,
    /// Which that is.
    pub(crate) place: String,
}

/// A number to reach, with what was reached.
#[derive(Debug)]
pub(crate) struct Figure {
    /// What is measured.
    pub(crate) what: &'static str,
    /// The number to reach.
    pub(crate) reach: &'static str,
    /// The number reached, for people to read.
    pub(crate) reached: String,
}

/// How the planner did.
#[derive(Debug, Default)]
pub(crate) struct PlannerRecord {
    /// Lists that several plans could answer and that find something: where there is nothing, every plan ends at once.
    pub(crate) cells: usize,
    /// Lists whose plan took at most 1.05 times what the fastest took.
    pub(crate) good: usize,
    /// The largest ratio of the chosen to the fastest plan.
    pub(crate) worst: f64,
    /// Where that is.
    pub(crate) place: String,
}

/// The numbers.
#[derive(Debug)]
pub(crate) struct Summary {
    /// Ratios.
    pub(crate) ratios: Vec<Ratio>,
    /// The planner.
    pub(crate) planner: PlannerRecord,
    /// Numbers to reach that this bench can measure; those of other sizes are marked with the size measured.
    pub(crate) figures: Vec<Figure>,
}

/// What counts as picked well: within 5% of the fastest.
const GOOD: f64 = 1.05;

/// The geometric mean of positive numbers.
pub(crate) fn geometric_mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (mut sum, mut count) = (0.0, 0_u32);
    for value in values {
        sum += value.ln();
        count += 1;
    }
    (count > 0).then(|| (sum / f64::from(count)).exp())
}

impl Summary {
    /// Of a run.
    pub(crate) fn of(results: &Results) -> Self {
        let mut ratios = Vec::new();
        let restricted = |cell: &&Cell| results.reaches[cell.reach].groups.is_some();
        let is_top = |cell: &&Cell| cell.task == Task::Top;
        let top = || results.cells.iter().filter(is_top).filter(restricted);
        let ours = |cell: &Cell| cell.took[0].median();
        let plain = results.side(Filter::None.name());
        if let Some(plain) = plain {
            let ratio = |cell: &Cell| ours(cell) / cell.took[plain].median();
            ratios.extend(worst_is_most("ours over tantivy unrestricted, top 10", results, top(), &ratio));
            let found = top().filter(|cell| cell.found > 0);
            ratios.extend(worst_is_most("the same where ours finds something", results, found, &ratio));
            let everybody = results.cells.iter().filter(is_top).filter(|cell| !restricted(cell));
            ratios.extend(worst_is_most(
                "ours unrestricted over tantivy unrestricted, top 10",
                results,
                everybody,
                &ratio,
            ));
            let with_total = results.cells.iter().filter(|cell| cell.task == Task::TopAndTotal).filter(restricted);
            ratios.extend(worst_is_most(
                "ours over tantivy unrestricted, top 10 and total",
                results,
                with_total,
                &ratio,
            ));
        }
        let filters: Vec<usize> = Filter::ALL[1..].iter().filter_map(|filter| results.side(filter.name())).collect();
        for side in &filters {
            let what = format!("{} over ours, top 10", results.sides[*side].name);
            ratios.extend(worst_is_least(&what, results, top(), &|cell| cell.took[*side].median() / ours(cell)));
        }
        if !filters.is_empty() {
            let best = |cell: &Cell| filters.iter().map(|side| cell.took[*side].median()).fold(f64::MAX, f64::min);
            let what = "the best of tantivy's filters over ours, top 10";
            ratios.extend(worst_is_least(what, results, top(), &|cell| best(cell) / ours(cell)));
        }
        for (side, participant) in results.sides.iter().enumerate() {
            let is_ours = side == 0;
            if is_ours || Some(side) == plain {
                continue;
            }
            let ratio = |cell: &Cell| cell.took[side].median() / ours(cell);
            if !filters.contains(&side) {
                let what = format!("{} over ours, top 10", participant.name);
                ratios.extend(worst_is_least(&what, results, top(), &ratio));
            }
            for task in [Task::Newest, Task::Count, Task::Groups] {
                let cells = results.cells.iter().filter(|cell| cell.task == task).filter(restricted);
                let what = format!("{} over ours, {}", participant.name, task.label());
                ratios.extend(worst_is_least(&what, results, cells, &ratio));
            }
        }
        let planner = planner(results);
        let figures = figures(results, &ratios, &planner);
        Self { ratios, planner, figures }
    }

    /// For machines to read.
    pub(crate) fn json(&self) -> Json {
        let PlannerRecord { cells, good, worst, place } = &self.planner;
        json!({
            "ratios": self.ratios.iter().map(|ratio| json!({
                "what": ratio.what, "cells": ratio.cells, "geometric_mean": ratio.mean,
                "worst": ratio.worst, "worst_cell": ratio.place,
            })).collect::<Vec<_>>(),
            "planner": { "cells": cells, "within_5_percent": good, "worst_regret": worst, "worst_cell": place },
            "figures": self.figures.iter().map(|figure| json!({
                "what": figure.what, "reach": figure.reach, "reached": figure.reached,
            })).collect::<Vec<_>>(),
        })
    }

    /// For people to read.
    pub(crate) fn print(&self) {
        println!(
            "\n{:<58} {:>6} {:>14} {:>10}  worst cell",
            "ratio of medians, restricted scopes", "cells", "geometric mean", "worst"
        );
        for Ratio { what, cells, mean, worst, place } in &self.ratios {
            println!("{what:<58} {cells:>6} {mean:>14.2} {worst:>10.2}  {place}");
        }
        let PlannerRecord { cells, good, worst, place } = &self.planner;
        println!(
            "\nthe planner's choice is within 5% of the fastest plan in {good} of {cells} lists that find something, worst {worst:.2} times ({place})"
        );
        println!("\n{:<66} {:>20}  reached", "figure", "to reach");
        for Figure { what, reach, reached } in &self.figures {
            println!("{what:<66} {reach:>20}  {reached}");
        }
    }
}

fn place(results: &Results, cell: &Cell) -> String {
    format!("{}, {}", results.reaches[cell.reach].label, results.questions[cell.question].label)
}

fn worst_is_most<'a>(
    what: &str,
    results: &Results,
    cells: impl Iterator<Item = &'a Cell>,
    ratio: &dyn Fn(&Cell) -> f64,
) -> Option<Ratio> {
    let cells: Vec<&Cell> = cells.collect();
    let mean = geometric_mean(cells.iter().map(|cell| ratio(cell)))?;
    let worst = cells.iter().max_by(|a, b| ratio(a).total_cmp(&ratio(b)))?;
    Some(Ratio { what: what.to_owned(), cells: cells.len(), mean, worst: ratio(worst), place: place(results, worst) })
}

fn worst_is_least<'a>(
    what: &str,
    results: &Results,
    cells: impl Iterator<Item = &'a Cell>,
    ratio: &dyn Fn(&Cell) -> f64,
) -> Option<Ratio> {
    let inverse = worst_is_most(what, results, cells, &|cell| 1.0 / ratio(cell))?;
    Some(Ratio { mean: 1.0 / inverse.mean, worst: 1.0 / inverse.worst, ..inverse })
}

fn planner(results: &Results) -> PlannerRecord {
    let finds = |reach, question| {
        results.cells.iter().any(|cell| (cell.reach, cell.question) == (reach, question) && cell.found > 0)
    };
    let mut record = PlannerRecord::default();
    for cell in &results.planned {
        if cell.planned.plans.len() < 2 || !finds(cell.reach, cell.question) {
            continue;
        }
        let regret = cell.planned.regret();
        record.cells += 1;
        record.good += usize::from(regret <= GOOD);
        if regret > record.worst {
            record.worst = regret;
            record.place = format!("{}, {}", results.reaches[cell.reach].label, results.questions[cell.question].label);
        }
    }
    record
}

fn figures(results: &Results, ratios: &[Ratio], planner: &PlannerRecord) -> Vec<Figure> {
    let ratio = |what: &str, shown: &dyn Fn(&Ratio) -> String| {
        ratios.iter().find(|ratio| ratio.what == what).map_or_else(|| "not measured".to_owned(), shown)
    };
    let mean = |ratio: &Ratio| format!("{:.1}", ratio.mean);
    let tickets = results.reaches.last().map_or(0, |reach| reach.tickets);
    let slowest = |task: Task, is_asked: &dyn Fn(&Shape) -> bool, percent: usize| {
        let cells =
            results.cells.iter().filter(|cell| cell.task == task && is_asked(&results.questions[cell.question].shape));
        let slowest = cells.map(|cell| cell.took[0].at(percent)).fold(0.0, f64::max);
        format!("{slowest:.2} us in the slowest scope of {tickets} tickets")
    };
    let is_one_filter = |shape: &Shape| matches!(shape, Shape::Filter(values) if values.len() == 1);
    let is_everything = |shape: &Shape| matches!(shape, Shape::Everything);
    let is_filter = |shape: &Shape| matches!(shape, Shape::Filter(_));
    let first = |times: &dyn Fn(&Cold) -> Vec<f64>| {
        let cells = results.cold.iter().flatten().map(times).filter(|times| !times.is_empty());
        let medians: Vec<f64> = cells.map(|times| Took::of(times).median()).collect();
        let worst = medians.iter().copied().fold(0.0, f64::max);
        let mean = geometric_mean(medians.into_iter());
        mean.map_or_else(|| "-".to_owned(), |mean| format!("{mean:.0} us (at worst {worst:.0})"))
    };
    vec![
        Figure {
            what: "ours restricted over tantivy unrestricted, top 10, mean / worst",
            reach: "<= 0.7 / <= 1.5",
            reached: ratio("ours over tantivy unrestricted, top 10", &|ratio| {
                format!("{:.2} / {:.2}", ratio.mean, ratio.worst)
            }),
        },
        Figure {
            what: "ours cold, top 10, geometric mean: in a new scope / with new words",
            reach: "stated",
            reached: format!("{} / {}", first(&|cold| cold.new_scope.clone()), first(&|cold| cold.new_word.clone())),
        },
        Figure {
            what: "tantivy with its term set filter over ours, top 10, mean",
            reach: ">= 20",
            reached: ratio("tantivy term set over ours, top 10", &mean),
        },
        Figure {
            what: "tantivy with the best of three filters over ours, top 10, mean",
            reach: ">= 20",
            reached: ratio("the best of tantivy's filters over ours, top 10", &mean),
        },
        Figure {
            what: "PostgreSQL with row-level security over ours, top 10, mean",
            reach: ">= 3,000",
            reached: ratio("postgresql rls over ours, top 10", &mean),
        },
        Figure {
            what: "exact count of a scope and one filter, median",
            reach: "<= 60 us at 10M",
            reached: slowest(Task::Count, &is_one_filter, 50),
        },
        Figure {
            what: "exact count of a scope, median",
            reach: "<= 1 us",
            reached: slowest(Task::Count, &is_everything, 50),
        },
        Figure {
            what: "page of 50 newest of a scope, keys, p99",
            reach: "<= 50 us at 10M",
            reached: slowest(Task::Newest, &is_everything, 99),
        },
        Figure {
            what: "facet of groups of a scope, median",
            reach: "<= 1 ms at 10M",
            reached: slowest(Task::Groups, &is_everything, 50),
        },
        Figure {
            what: "facet of groups with a filter, median",
            reach: "<= 10 ms at 10M",
            reached: slowest(Task::Groups, &is_filter, 50),
        },
        Figure {
            what: "the planner within 5% of the fastest plan / worst regret",
            reach: "95% / 1.5",
            reached: format!(
                "{:.0}% / {:.2}",
                100.0 * planner.good as f64 / planner.cells.max(1) as f64,
                planner.worst
            ),
        },
    ]
}
