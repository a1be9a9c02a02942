//! The choice of the stretch that is shown.

use std::ops::Range;

use model::TextPart;
use text::analysis::words;
use ticketscope_model as model;
use ticketscope_text as text;

use super::{
    Snippet,
    marks::Mark,
    shown::{ruler, shown},
};

/// The longest snippet, in characters.
const MAX_CHARS: usize = 200;

/// Marks that fit into one snippet.
#[derive(Debug)]
pub(super) struct Stretch {
    /// How many clauses they are of, and how many they are.
    pub(super) score: (usize, usize),
    /// At least one, ascending by their start.
    marks: Vec<Mark>,
}

/// The best stretch, of equally good ones the earliest, if there is any mark. `marks` ascend and are of clauses below
/// `clauses`.
pub(super) fn best(mut marks: Vec<Mark>, clauses: usize) -> Option<Stretch> {
    // What is longer than a snippet is shown by its beginning.
    for mark in &mut marks {
        mark.end = mark.end.min(mark.start + MAX_CHARS);
    }
    let mut by_end: Vec<(usize, usize)> = marks.iter().map(|mark| (mark.end, mark.clause)).collect();
    by_end.sort_unstable();
    let mut entering = by_end.into_iter().peekable();
    let mut inside = vec![0_usize; clauses];
    let mut score = (0, 0);
    let mut best: Option<((usize, usize), usize)> = None;
    // Every set of marks that fits fits behind its own first one: marks come in by their end and leave by their start.
    for (first, mark) in marks.iter().enumerate() {
        while let Some((_, clause)) = entering.next_if(|(end, _)| *end <= mark.start + MAX_CHARS) {
            inside[clause] += 1;
            score = (score.0 + usize::from(inside[clause] == 1), score.1 + 1);
        }
        if best.is_none_or(|(other, _)| score > other) {
            best = Some((score, first));
        }
        inside[mark.clause] -= 1;
        score = (score.0 - usize::from(inside[mark.clause] == 0), score.1 - 1);
    }
    let (score, first) = best?;
    let rest = marks.get(first..)?;
    let limit = rest.first()?.start + MAX_CHARS;
    let marks = rest.iter().take_while(|mark| mark.start < limit).filter(|mark| mark.end <= limit).copied().collect();
    Some(Stretch { score, marks })
}

/// The snippet of `part` around a stretch: as long as it may be, with as much before as after where the part allows, cut
/// between words only.
pub(super) fn show(part: &TextPart, stretch: &Stretch) -> Snippet {
    let len = shown(&part.body).count();
    let mut highlights = highlights(&stretch.marks);
    let place = frame(&part.body, len, &highlights);
    for range in &mut highlights {
        *range = range.start - place.start..range.end - place.start;
    }
    Snippet {
        class: part.class,
        text: shown(&part.body).map(|(_, c)| c).skip(place.start).take(place.len()).collect(),
        highlights,
        cut_before: place.start > 0,
        cut_after: place.end < len,
    }
}

/// What marks cover, as separate ranges.
fn highlights(marks: &[Mark]) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for mark in marks {
        match ranges.last_mut() {
            Some(last) if mark.start <= last.end => last.end = last.end.max(mark.end),
            _ => ranges.push(mark.start..mark.end),
        }
    }
    ranges
}

/// Which of the `len` characters shown of `body` go round `highlights`.
fn frame(body: &str, len: usize, highlights: &[Range<usize>]) -> Range<usize> {
    let (Some(first), Some(last)) = (highlights.first(), highlights.last()) else { return 0..0 };
    if len <= MAX_CHARS {
        return 0..len;
    }
    let spare = MAX_CHARS.saturating_sub(last.end - first.start);
    let before = (spare / 2).max(spare.saturating_sub(len - last.end));
    let low = first.start.saturating_sub(before);
    let mut start = (low == 0).then_some(0);
    let mut end = last.end;
    let mut ruler = ruler(body);
    words(body, |word| {
        let from = ruler.at(word.span.start);
        if from < low {
            return;
        }
        let start = *start.get_or_insert(from);
        let until = from + body.get(word.span).map_or(0, |written| written.chars().count());
        if until <= start + MAX_CHARS {
            end = end.max(until);
        }
    });
    let start = start.unwrap_or(first.start);
    // Behind the last word nothing is cut apart.
    if len <= start + MAX_CHARS { start..len } else { start..end }
}
