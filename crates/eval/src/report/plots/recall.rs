//! Recall against queries per second.

use super::Plot;
use super::canvas::{
    TEXT_PX, UNIT_ROW_HEIGHT, base, bounds, color, comma_separated, decimals, ensure_finite,
    ensure_nonempty, fit_height, format_number, marker, marker_entry, nice_step, render, text,
    text_width, truncate_name, widen_to_steps, with_legend, without_control_chars, y_unit,
};
use crate::{Error, Result};
use kuva::plot::line::LinePlot;
use kuva::plot::scatter::ScatterPlot;
use kuva::render::layout::{ComputedLayout, TickFormat};
use kuva::render::plots::Plot as Series;
use kuva::render::render::{Primitive, TextAnchor};
use std::sync::Arc;

const NAME: &str = "recall";

/// A curve: its name, and points of recall, queries per second and label.
type Curve = (String, Vec<(f64, f64, String)>);

/// Plots queries per second against recall, a line per curve. A point holds recall, queries per
/// second and a label such as `ef 40`, which is drawn if it fits. The x axis is fitted to the data;
/// the y axis is logarithmic.
///
/// # Errors
/// [`Error::Plot`] if there is no point, a recall is not in 0..=1, or a rate is not positive and
/// finite.
pub fn recall(curves: &[Curve]) -> Result<Plot> {
    let points: Vec<(f64, f64)> = curves
        .iter()
        .flat_map(|(_, rows)| rows)
        .map(|row| (row.0, row.1))
        .collect();
    ensure_nonempty(NAME, "curve points", points.len())?;
    for (recall, qps) in &points {
        ensure_finite(NAME, "recall and QPS", &[*recall, *qps])?;
        if !(0.0..=1.0).contains(recall) || *qps <= 0.0 {
            return Err(Error::Plot {
                name: NAME,
                reason: format!("recall {recall} with {qps} queries per second"),
            });
        }
    }
    let (low, high) = bounds(points.iter().map(|point| point.0));
    let step = nice_step((high - low).max(0.02), 6.0);
    let (left, right) = widen_to_steps(low, high, step);
    let right = right.min(1.0).max(left + step);
    // Keeps the markers of points at the edge whole.
    let pad = (right - left) * 0.02;
    let (slowest, fastest) = bounds(points.iter().map(|point| point.1));
    let (bottom, top) = (
        log_step_below(slowest / 1.15),
        log_step_above(fastest * 1.15),
    );

    let mut series: Vec<Series> = Vec::new();
    for (at, (name, rows)) in curves.iter().enumerate() {
        let line: Vec<(f64, f64)> = rows.iter().map(|row| (row.0, row.1)).collect();
        let tooltips = rows.iter().map(|(recall, qps, label)| {
            without_control_chars(&format!(
                "{name}, {label}: recall {recall:.3}, {} queries per second",
                format_number(*qps)
            ))
        });
        series.push(
            LinePlot::new()
                .with_data(line.clone())
                .with_color(color(at))
                .with_stroke_width(2.0)
                .into(),
        );
        let scatter = ScatterPlot::new()
            .with_data(line)
            .with_color(color(at))
            .with_marker(marker(at))
            .with_size(4.5)
            .with_tooltip_labels(tooltips);
        series.push(scatter.into());
    }
    let layout = base((left - pad, right + pad), (bottom, top))
        .with_log_y()
        .with_title("Recall against speed")
        .with_x_label("recall")
        .with_x_tick_step(step)
        .with_x_tick_format(TickFormat::Fixed(decimals(step)))
        .with_y_tick_format(TickFormat::Custom(Arc::new(format_number)));
    let layout = with_legend(
        layout,
        curves
            .iter()
            .enumerate()
            .map(|(at, (name, _))| marker_entry(name, at)),
    );
    let layout = fit_height(layout, 310.0, UNIT_ROW_HEIGHT);
    let area = ComputedLayout::from_layout(&layout);
    let mut overlay = point_labels(&area, curves);
    overlay.push(y_unit(&area, "queries per second"));
    let title = format!(
        "Recall and queries per second of {}",
        comma_separated(curves.iter().map(|c| &c.0))
    );
    render(NAME, &title, series, layout, Vec::new(), overlay)
}

/// The largest 1, 2 or 5 times a power of ten that is not above `value`.
fn log_step_below(value: f64) -> f64 {
    log_steps(value)
        .into_iter()
        .rfind(|step| *step <= value)
        .unwrap_or(value)
}

/// The smallest 1, 2 or 5 times a power of ten that is not below `value`.
fn log_step_above(value: f64) -> f64 {
    log_steps(value)
        .into_iter()
        .find(|step| *step >= value)
        .unwrap_or(value)
}

/// The steps around `value`, in ascending order.
fn log_steps(value: f64) -> [f64; 4] {
    let power = 10_f64.powf(value.log10().floor());
    [1.0, 2.0, 5.0, 10.0].map(|m| m * power)
}

/// Places the labels of the points: each at the first of a few positions around its point where it
/// touches no other label, marker or line. A label without such a position is left out; the tooltip
/// still has it.
fn point_labels(area: &ComputedLayout, curves: &[Curve]) -> Vec<Primitive> {
    let mut occupied: Vec<[f64; 4]> = Vec::new();
    for (_, rows) in curves {
        let points: Vec<(f64, f64)> = rows
            .iter()
            .map(|row| (area.map_x(row.0), area.map_y(row.1)))
            .collect();
        occupied.extend(
            points
                .iter()
                .map(|(x, y)| [x - 5.0, y - 5.0, x + 5.0, y + 5.0]),
        );
        for pair in points.windows(2) {
            let &[(x0, y0), (x1, y1)] = pair else {
                continue;
            };
            let steps = ((x1 - x0).hypot(y1 - y0) / 4.0).ceil().max(1.0);
            for at in 0..=steps as usize {
                let part = at as f64 / steps;
                let (x, y) = (x0 + (x1 - x0) * part, y0 + (y1 - y0) * part);
                occupied.push([x - 1.0, y - 1.0, x + 1.0, y + 1.0]);
            }
        }
    }
    let (left, right) = (area.margin_left, area.width - area.margin_right);
    let (top, bottom) = (area.margin_top, area.height - area.margin_bottom);
    let mut out = Vec::new();
    for (recall, qps, label) in curves.iter().flat_map(|(_, rows)| rows) {
        let label = truncate_name(label, 16);
        let (x, y, width) = (area.map_x(*recall), area.map_y(*qps), text_width(&label));
        let (beside, centered) = (-width - 8.0, -width / 2.0);
        let places = [
            (8.0, -14.0),
            (8.0, -7.0),
            (centered, -20.0),
            (beside, 14.0),
            (beside, -7.0),
            (centered, 6.0),
        ];
        let mut boxes = places
            .iter()
            .map(|(dx, dy)| [x + dx, y + dy, x + dx + width, y + dy + TEXT_PX]);
        let free = boxes.find(|b| {
            let inside = b[0] > left && b[2] < right && b[1] > top && b[3] < bottom;
            inside
                && !occupied
                    .iter()
                    .any(|t| t[0] < b[2] && t[2] > b[0] && t[1] < b[3] && t[3] > b[1])
        });
        if let Some(b) = free {
            occupied.push(b);
            out.push(text(
                (b[0] + b[2]) / 2.0,
                b[3] - 3.0,
                label,
                TextAnchor::Middle,
            ));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_or_unusable_data_is_an_error() {
        assert!(recall(&[]).is_err());
        assert!(recall(&[("a".into(), vec![])]).is_err());
        assert!(recall(&[("a".into(), vec![(0.5, 0.0, String::new())])]).is_err());
    }

    #[test]
    fn extreme_values_are_drawn() {
        assert!(recall(&[("a".into(), vec![(1.0, 5.0, "x".into())])]).is_ok());
        assert!(
            recall(&[(
                "a".into(),
                vec![(0.0, 1e-3, "x".into()), (1.0, 1e7, "y".into())]
            )])
            .is_ok()
        );
    }
}
