//! The picture of a run.

use std::fmt;

use crate::{
    plot::{Curve, Stroke, svg, thousands},
    results::Results,
    side::Task,
    summary::geometric_mean,
    tantivy_side::Filter,
};

/// Colours that most people can tell apart, ours first.
const COLOURS: [&str; 9] =
    ["#c1121f", "#444444", "#0072b2", "#56a3d8", "#1b9e77", "#e6850e", "#8c4a2f", "#7b4ea3", "#b59b00"];

/// The mean cost of the ten best against the number of tickets in the scope, for restricted scopes, a curve for each side.
///
/// # Errors
/// Never: a string takes everything.
pub(crate) fn draw(results: &Results) -> Result<String, fmt::Error> {
    let curves = results.sides.iter().enumerate().map(|(at, side)| {
        let restricted = results.reaches.iter().enumerate().filter(|(_, reach)| reach.groups.is_some());
        let points = restricted.filter_map(|(reach, of)| {
            let cells = results.cells.iter().filter(|cell| cell.task == Task::Top && cell.reach == reach);
            let mean = geometric_mean(cells.map(|cell| cell.took[at].median()))?;
            Some((f64::from(of.tickets), mean))
        });
        let stroke = match (at, side.is_restricted) {
            (0, _) => Stroke::Heavy,
            (_, true) => Stroke::Plain,
            (_, false) => Stroke::Dashed,
        };
        Curve {
            name: shown(side.name).to_owned(),
            colour: COLOURS[at % COLOURS.len()],
            stroke,
            points: points.collect(),
        }
    });
    let tickets = results.reaches.last().map_or(0, |reach| reach.tickets);
    let questions = results.with_words().count();
    let subtitle = format!(
        "{} tickets; ten best by relevance; geometric mean of the medians of {questions} kinds of query; warm, one thread",
        thousands(u64::from(tickets))
    );
    svg("What does a restricted search cost?", &subtitle, &curves.collect::<Vec<_>>())
}

fn shown(name: &'static str) -> &'static str {
    match name {
        "ours" => "ticketscope",
        "postgresql where" => "PostgreSQL, WHERE",
        "postgresql rls" => "PostgreSQL, row security",
        "sqlite fts5" => "SQLite FTS5",
        name if name == Filter::None.name() => "tantivy, not restricted",
        name if name == Filter::Terms.name() => "tantivy, term set filter",
        name if name == Filter::Column.name() => "tantivy, fast field filter",
        name if name == Filter::Bits.name() => "tantivy, bitset filter",
        other => other,
    }
}
