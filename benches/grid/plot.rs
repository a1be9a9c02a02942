//! The cost of the ten best against the size of the scope, as a picture.

use std::fmt::{self, Write};

/// The curve of one side.
#[derive(Debug)]
pub(crate) struct Curve {
    /// What the legend says.
    pub(crate) name: String,
    /// Colour, as SVG writes it.
    pub(crate) colour: &'static str,
    /// How it is drawn.
    pub(crate) stroke: Stroke,
    /// Tickets in the scope and microseconds; positive, the first ascending.
    pub(crate) points: Vec<(f64, f64)>,
}

/// How a curve is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stroke {
    /// The one that the picture is about.
    Heavy,
    /// Another one.
    Plain,
    /// One that is not restricted.
    Dashed,
}

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 560.0;
const LEFT: f64 = 84.0;
const RIGHT: f64 = 220.0;
const TOP: f64 = 74.0;
const BOTTOM: f64 = 66.0;
/// The least distance of two names beside their curves.
const LINE: f64 = 17.0;

/// A logarithmic axis.
#[derive(Debug, Clone, Copy)]
struct Axis {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Axis {
    /// From a point of the picture to another, for the values from one power of ten to another.
    fn new((low, high): (f64, f64), from: f64, to: f64) -> Self {
        Self { low, high: high.max(low + 1.0), from, to }
    }

    fn at(&self, value: f64) -> f64 {
        self.from + (value.log10() - self.low) / (self.high - self.low) * (self.to - self.from)
    }

    /// The whole powers of ten on it.
    fn decades(&self) -> impl Iterator<Item = i32> {
        self.low.ceil() as i32..=self.high.floor() as i32
    }
}

/// The powers of ten between which values lie.
fn powers(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let powers = values.map(f64::log10);
    let (low, high) = powers.fold((f64::MAX, f64::MIN), |(low, high), power| (low.min(power), high.max(power)));
    if low > high { (0.0, 1.0) } else { (low, high) }
}

/// Draws the curves. Names stand at their right ends, in the order of their last points.
///
/// # Errors
/// Never: a string takes everything.
pub(crate) fn svg(title: &str, subtitle: &str, curves: &[Curve]) -> Result<String, fmt::Error> {
    let points = || curves.iter().flat_map(|curve| &curve.points);
    let (fewest, most) = powers(points().map(|point| point.0));
    let x = Axis::new((fewest.floor(), most), LEFT, WIDTH - RIGHT);
    let (least, dearest) = powers(points().map(|point| point.1));
    let y = Axis::new((least.floor(), dearest.ceil()), HEIGHT - BOTTOM, TOP);
    let mut out = String::new();
    writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" \
         font-family=\"Helvetica, Arial, sans-serif\" font-size=\"13\" fill=\"#222\">"
    )?;
    writeln!(out, "<rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#fff\"/>")?;
    writeln!(out, "<text x=\"{LEFT}\" y=\"30\" font-size=\"18\" font-weight=\"bold\">{}</text>", escaped(title))?;
    writeln!(out, "<text x=\"{LEFT}\" y=\"52\" fill=\"#555\">{}</text>", escaped(subtitle))?;
    grid(&mut out, x, y)?;
    for curve in curves.iter().rev() {
        line(&mut out, curve, x, y)?;
    }
    names(&mut out, curves, x, y)?;
    out.push_str("</svg>\n");
    Ok(out)
}

fn grid(out: &mut String, x: Axis, y: Axis) -> fmt::Result {
    for decade in y.decades() {
        let at = y.at(10_f64.powi(decade));
        writeln!(out, "<path d=\"M{:.1} {at:.1}H{:.1}\" stroke=\"#ddd\"/>", x.from, x.to)?;
        writeln!(
            out,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            x.from - 8.0,
            at + 4.5,
            micros(decade)
        )?;
    }
    for decade in x.decades() {
        let at = x.at(10_f64.powi(decade));
        writeln!(out, "<path d=\"M{at:.1} {:.1}V{:.1}\" stroke=\"#eee\"/>", y.from, y.to)?;
        let tickets = power(decade);
        writeln!(out, "<text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{tickets}</text>", y.from + 20.0)?;
    }
    writeln!(out, "<path d=\"M{:.1} {:.1}V{:.1}H{:.1}\" fill=\"none\" stroke=\"#555\"/>", x.from, y.to, y.from, x.to)?;
    let (middle, under) = (f64::midpoint(x.from, x.to), y.from + 46.0);
    writeln!(
        out,
        "<text x=\"{middle:.1}\" y=\"{under:.1}\" text-anchor=\"middle\">tickets in the scope, logarithmic</text>"
    )?;
    let middle = f64::midpoint(y.from, y.to);
    writeln!(
        out,
        "<text transform=\"translate(22 {middle:.1}) rotate(-90)\" text-anchor=\"middle\">time of one answer, logarithmic</text>"
    )
}

fn line(out: &mut String, curve: &Curve, x: Axis, y: Axis) -> fmt::Result {
    let (width, dashes) = match curve.stroke {
        Stroke::Heavy => (3.5, ""),
        Stroke::Plain => (1.8, ""),
        Stroke::Dashed => (1.8, " stroke-dasharray=\"6 4\""),
    };
    let points: Vec<String> =
        curve.points.iter().map(|(size, cost)| format!("{:.1},{:.1}", x.at(*size), y.at(*cost))).collect();
    let colour = curve.colour;
    writeln!(
        out,
        "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\" stroke-linejoin=\"round\"{dashes}/>",
        points.join(" ")
    )?;
    for (size, cost) in &curve.points {
        let radius = width * 0.6 + 1.2;
        writeln!(
            out,
            "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"{radius:.1}\" fill=\"{colour}\"/>",
            x.at(*size),
            y.at(*cost)
        )?;
    }
    Ok(())
}

/// Names beside the last points, moved apart where they would touch.
fn names(out: &mut String, curves: &[Curve], x: Axis, y: Axis) -> fmt::Result {
    let mut ends: Vec<(f64, f64, &Curve)> = curves
        .iter()
        .filter_map(|curve| curve.points.last().map(|(size, cost)| (x.at(*size), y.at(*cost), curve)))
        .collect();
    ends.sort_by(|a, b| a.1.total_cmp(&b.1));
    let mut places: Vec<f64> = ends.iter().map(|(_, at, _)| *at).collect();
    for next in 1..places.len() {
        places[next] = places[next].max(places[next - 1] + LINE);
    }
    // Back up from the bottom, so that none falls off it.
    let mut lowest = y.from;
    for place in places.iter_mut().rev() {
        *place = place.min(lowest);
        lowest = *place - LINE;
    }
    for ((right, at, curve), place) in ends.iter().zip(places) {
        let (name, colour) = (escaped(&curve.name), curve.colour);
        let weight = if curve.stroke == Stroke::Heavy { " font-weight=\"bold\"" } else { "" };
        let text = x.to + 26.0;
        writeln!(
            out,
            "<path d=\"M{:.1} {at:.1}L{:.1} {place:.1}H{:.1}\" fill=\"none\" stroke=\"{colour}\" stroke-opacity=\"0.5\"/>",
            right + 5.0,
            x.to + 14.0,
            text - 4.0
        )?;
        writeln!(out, "<text x=\"{text:.1}\" y=\"{:.1}\" fill=\"{colour}\"{weight}>{name}</text>", place + 4.5)?;
    }
    Ok(())
}

/// A power of ten of microseconds.
fn micros(decade: i32) -> String {
    let (exponent, unit) = match decade {
        ..0 => (decade + 3, "ns"),
        0..3 => (decade, "\u{b5}s"),
        3..6 => (decade - 3, "ms"),
        _ => (decade - 6, "s"),
    };
    format!("{} {unit}", power(exponent))
}

/// A power of ten with commas.
fn power(decade: i32) -> String {
    u32::try_from(decade).map_or_else(|_| 10_f64.powi(decade).to_string(), |zeros| thousands(10_u64.pow(zeros)))
}

/// A number with commas.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
