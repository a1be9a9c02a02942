//! The times for people to read.

use crate::{results::Results, side::Task, summary::geometric_mean, timing::Took};

/// Prints what was asked, for each task the mean over its questions by scope, then every cell, then the cold times.
pub(crate) fn print(results: &Results) {
    for side in &results.sides {
        println!("{:<22} {:.0} s to load", side.name, side.built);
    }
    for (side, why) in &results.left_out {
        println!("{side:<22} left out: {why}");
    }
    for question in &results.questions {
        println!("{:<22} {}", question.label, question.shown);
    }
    let head = || {
        for side in &results.sides {
            print!(" {:>20}", side.name);
        }
        println!();
    };
    for task in Task::ALL {
        print!("\n{:<58}", format!("{}: geometric mean over the questions, us", task.label()));
        head();
        for (at, reach) in results.reaches.iter().enumerate() {
            print!("{:<58}", format!("{} ({} tickets)", reach.label, reach.tickets));
            for side in 0..results.sides.len() {
                let cells = results.cells.iter().filter(|cell| cell.task == task && cell.reach == at);
                let mean = geometric_mean(cells.map(|cell| cell.took[side].median()));
                print!(" {:>20}", mean.map_or_else(String::new, |mean| Took::of(vec![mean]).shown()));
            }
            println!();
        }
    }
    for task in Task::ALL {
        print!("\n{:<22} {:<18} {:>16}", format!("{}, us", task.label()), "scope", "found");
        head();
        for cell in results.cells.iter().filter(|cell| cell.task == task) {
            let (question, reach) = (&results.questions[cell.question], &results.reaches[cell.reach]);
            print!("{:<22} {:<18} {:>16}", question.label, reach.label, cell.found);
            for took in &cell.took {
                print!(" {:>20}", took.shown());
            }
            println!();
        }
    }
    println!("\n{:<22} {:<18} {:>14} {:>14}", "cold, top 10, us", "scope", "new scope", "new word");
    for (cells, reach) in results.cold.iter().zip(&results.reaches) {
        for ((_, question), cold) in results.with_words().zip(cells) {
            let shown =
                |times: &[f64]| if times.is_empty() { "-".to_owned() } else { Took::of(times.to_vec()).shown() };
            let (new_scope, new_word) = (shown(&cold.new_scope), shown(&cold.new_word));
            println!("{:<22} {:<18} {new_scope:>14} {new_word:>14}", question.label, reach.label);
        }
    }
}
