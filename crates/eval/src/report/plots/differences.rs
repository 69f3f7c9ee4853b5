//! Per-query differences of two systems.

use super::Plot;
use super::canvas::{
    INK, NAME_CHARS, PALETTE, SUBTITLE_PX, UNIT_ROW_HEIGHT, base, bounds, decimals, ensure_finite,
    ensure_nonempty, entry, fit_height, format_number, line, nice_step, render, truncate_name,
    widen_to_steps, with_legend, y_unit,
};
use crate::Result;
use kuva::plot::legend::LegendShape;
use kuva::plot::scatter::ScatterPlot;
use kuva::render::color::Color;
use kuva::render::layout::{ComputedLayout, TickFormat};
use kuva::render::render::{PathData, Primitive};
use std::sync::Arc;

const NAME: &str = "differences";
const BETTER: &str = PALETTE[0];
const WORSE: &str = PALETTE[5];
const MAX_BARS: usize = 400;
/// Smaller differences are rounding noise.
const MIN_DIFFERENCE: f64 = 1e-9;

/// Plots for each query how much system `b` gains or loses against `a`, as bars around zero,
/// largest gain first. More than 400 queries are averaged into 400 bars; the subtitle counts all
/// queries.
///
/// # Errors
/// [`crate::Error::Plot`] if there is no difference or one is not finite.
pub fn differences(a: &str, b: &str, metric: &str, deltas: &[f64]) -> Result<Plot> {
    ensure_nonempty(NAME, "differences", deltas.len())?;
    ensure_finite(NAME, metric, deltas)?;
    let mut sorted = deltas.to_vec();
    sorted.sort_by(|x, y| y.total_cmp(x));
    let better = sorted
        .iter()
        .filter(|delta| **delta > MIN_DIFFERENCE)
        .count();
    let worse = sorted
        .iter()
        .filter(|delta| **delta < -MIN_DIFFERENCE)
        .count();
    let equal = sorted.len() - better - worse;

    let count = sorted.len();
    let buckets = count.min(MAX_BARS);
    let bars: Vec<(f64, f64, f64)> = (0..buckets)
        .map(|at| {
            let (from, to) = (at * count / buckets, (at + 1) * count / buckets);
            (
                from as f64,
                to as f64,
                sorted[from..to].iter().sum::<f64>() / (to - from) as f64,
            )
        })
        .collect();

    let (low, high) = bounds(bars.iter().map(|bar| bar.2).chain([0.0]));
    let (low, high) = if high - low < MIN_DIFFERENCE {
        (-0.1, 0.1)
    } else {
        (low, high)
    };
    let step = nice_step(high - low, 8.0);
    let x_step = nice_step(count as f64, 8.0).max(1.0);
    let counts = format!(
        "{} better, {} equal, {} worse",
        format_number(better as f64),
        format_number(equal as f64),
        format_number(worse as f64)
    );
    let (first, second, unit) = (
        truncate_name(a, NAME_CHARS),
        truncate_name(b, NAME_CHARS),
        truncate_name(metric, NAME_CHARS),
    );
    let layout = base((0.0, count as f64), widen_to_steps(low, high, step))
        .with_title(format!("{second} against {first}"))
        .with_title_wrap(52)
        .with_subtitle(counts.as_str())
        .with_subtitle_size(SUBTITLE_PX)
        .with_x_label("queries, largest gain first")
        .with_x_tick_step(x_step)
        .with_x_tick_format(TickFormat::Custom(Arc::new(format_number)))
        .with_y_tick_step(step)
        .with_y_tick_format(TickFormat::Fixed(decimals(step)));
    let entries = [(&second, BETTER), (&first, WORSE)]
        .map(|(name, fill)| entry(&format!("{name} better"), fill, LegendShape::Rect));
    let layout = fit_height(with_legend(layout, entries), 280.0, UNIT_ROW_HEIGHT);

    let area = ComputedLayout::from_layout(&layout);
    let (left, right, zero) = (area.map_x(0.0), area.map_x(count as f64), area.map_y(0.0));
    // Sub-pixel gaps would look like stripes, so thin bars are joined into one outline.
    let (gap, joined) = if (right - left) / buckets as f64 >= 4.0 {
        (1.0, 1)
    } else {
        (0.0, buckets)
    };
    let mut overlay = Vec::new();
    for (fill, sign) in [(BETTER, 1.0), (WORSE, -1.0)] {
        let shown: Vec<_> = bars
            .iter()
            .filter(|bar| bar.2 * sign > 0.0)
            .map(|(from, to, mean)| (area.map_x(*from), area.map_x(*to) - gap, area.map_y(*mean)))
            .collect();
        if shown.is_empty() {
            continue;
        }
        let outlines = shown.chunks(joined).map(|part| {
            let corners = part
                .iter()
                .map(|(x0, x1, y)| format!("L{x0:.2} {y:.2}L{x1:.2} {y:.2}"))
                .collect::<String>();
            format!(
                "M{:.2} {zero:.2}{corners}L{:.2} {zero:.2}Z",
                part[0].0,
                part[part.len() - 1].1
            )
        });
        overlay.push(Primitive::Path(Box::new(PathData {
            d: outlines.collect(),
            fill: Some(Color::from(fill)),
            stroke: Color::None,
            stroke_width: 0.0,
            opacity: None,
            stroke_dasharray: None,
        })));
    }
    overlay.push(y_unit(&area, &format!("difference in {unit}")));
    overlay.push(line((left, zero), (right, zero), INK));
    let title = format!("Difference in {metric} per query, {b} minus {a}: {counts}");
    // The renderer draws no axes without a series; an empty one is enough.
    let none: Vec<(f64, f64)> = Vec::new();
    render(
        NAME,
        &title,
        vec![ScatterPlot::new().with_data(none).into()],
        layout,
        Vec::new(),
        overlay,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_or_unusable_data_is_an_error() {
        assert!(differences("a", "b", "m", &[]).is_err());
        assert!(differences("a", "b", "m", &[f64::INFINITY]).is_err());
    }

    #[test]
    fn equal_systems_are_drawn() {
        assert!(differences("a", "b", "m", &[0.0]).is_ok());
        assert!(differences("a", "b", "m", &[0.0; 500]).is_ok());
    }

    #[test]
    fn many_differences_are_counted_and_averaged() {
        let deltas: Vec<f64> = (0..20_000).map(|i| f64::from(i % 4) - 1.0).collect();
        let plot = differences("a", "b", "m", &deltas).unwrap();
        assert!(plot.svg.contains("10,000 better, 5,000 equal, 5,000 worse"));
        let bars = plot
            .svg
            .split(" d=\"")
            .skip(1)
            .map(|d| d.split('"').next().unwrap().matches('L').count());
        // Two corners for each of the 300 non-zero bars, and the way back to zero for each color.
        assert_eq!(bars.sum::<usize>(), 602);
    }
}
