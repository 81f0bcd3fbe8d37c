//! How much of it is explained by how many conditions at once: Möbius's coefficients by order, as bars.
//!
//! Together they come to 1 where having everything leads to it. A bar below the line takes back what
//! smaller interactions would add up to: several cut sets, or something that protects.

use serde::Serialize;

use super::axis::round;
use crate::explore::lattice::family::Dividend;

const LEFT: f64 = 70.0;
const COLUMN: f64 = 46.0;
const BAR: f64 = 26.0;
const TOP: f64 = 18.0;
const TALLEST: f64 = 64.0;

/// The interactions of one search.
#[derive(Serialize)]
pub struct Spectrum {
    pub width: f64,
    pub height: f64,
    /// Where the bars stand.
    pub zero: f64,
    pub bars: Vec<Bar>,
    /// Of each order that there are any of: the order, how many, and what they come to.
    pub orders: Vec<(usize, usize, i64)>,
    /// The same in words.
    pub text: String,
}

/// The interactions of one order.
#[derive(Serialize)]
pub struct Bar {
    /// The middle of its foot.
    pub x: f64,
    pub left: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
    pub order: usize,
    pub sum: i64,
    /// Where the sum is written: at the end of the bar.
    pub sum_y: f64,
    pub text: String,
}

/// The drawing. Without interactions it has no bars.
pub fn spectrum(dividends: &[Dividend]) -> Spectrum {
    let orders = orders(dividends);
    let sums = || orders.iter().map(|(.., sum)| *sum);
    let (least, most) = (sums().fold(0, i64::min), sums().fold(0, i64::max));
    let unit = TALLEST / (most - least).max(1) as f64;
    let zero = TOP + most as f64 * unit;
    let lowest = zero - least as f64 * unit;
    let first = orders.first().map_or(1, |(order, ..)| (*order).min(1));
    let last = orders.last().map_or(0, |(order, ..)| *order);
    // Orders that there are none of have their place all the same.
    let bars: Vec<Bar> = (first..=last)
        .map(|order| {
            let found = orders.iter().find(|(known, ..)| *known == order);
            let (count, sum) = found.map_or((0, 0), |(_, count, sum)| (*count, *sum));
            let x = LEFT + COLUMN * ((order - first) as f64 + 0.5);
            let height = sum.unsigned_abs() as f64 * unit;
            let y = if sum < 0 { zero } else { zero - height };
            let sum_y = if sum < 0 { y + height + 11.0 } else { y - 4.0 };
            Bar {
                x,
                left: x - BAR / 2.0,
                y: round(y),
                width: BAR,
                height: round(height),
                order,
                sum,
                sum_y: round(sum_y),
                text: format!("order {order}: {count}, sum {sum}"),
            }
        })
        .collect();
    Spectrum {
        width: LEFT + COLUMN * bars.len() as f64 + 20.0,
        height: round(lowest + 34.0),
        zero: round(zero),
        text: told(&orders),
        bars,
        orders,
    }
}

/// How many interactions there are of each order, and what they come to.
fn orders(dividends: &[Dividend]) -> Vec<(usize, usize, i64)> {
    let mut orders: Vec<(usize, usize, i64)> = Vec::new();
    for dividend in dividends {
        let order = dividend.factors.len();
        match orders.iter_mut().find(|(known, ..)| *known == order) {
            Some((_, count, sum)) => (*count, *sum) = (*count + 1, *sum + dividend.value),
            None => orders.push((order, 1, dividend.value)),
        }
    }
    orders.sort_unstable();
    orders
}

fn told(orders: &[(usize, usize, i64)]) -> String {
    let one =
        |(order, count, sum): &(usize, usize, i64)| format!("{count} of order {order} (sum {sum})");
    match orders {
        [] => "none".to_owned(),
        orders => orders.iter().map(one).collect::<Vec<_>>().join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Interactions by their orders and values.
    fn of(dividends: &[(usize, i64)]) -> Spectrum {
        let one = |(order, value): &(usize, i64)| Dividend {
            factors: vec!["f".to_owned(); *order],
            value: *value,
        };
        spectrum(&dividends.iter().map(one).collect::<Vec<_>>())
    }

    #[test]
    fn every_order_has_its_place_and_what_takes_back_hangs_below_the_line() {
        let drawn = of(&[(3, 1), (4, 1), (7, -1)]);
        assert_eq!(drawn.orders, [(3, 1, 1), (4, 1, 1), (7, 1, -1)]);
        let orders: Vec<usize> = drawn.bars.iter().map(|bar| bar.order).collect();
        assert_eq!(orders, [1, 2, 3, 4, 5, 6, 7]);
        for bar in &drawn.bars {
            assert!(bar.left >= LEFT && bar.left + bar.width <= drawn.width, "{}", bar.text);
            assert!(bar.y >= TOP && bar.y + bar.height <= drawn.height, "{}", bar.text);
            match bar.order {
                3 | 4 => assert!(bar.height > 0.0 && bar.y + bar.height == drawn.zero),
                7 => assert!(bar.height > 0.0 && bar.y == drawn.zero),
                _ => assert_eq!(bar.height, 0.0),
            }
        }
        let told = "1 of order 3 (sum 1), 1 of order 4 (sum 1), 1 of order 7 (sum -1)";
        assert_eq!(drawn.text, told);
    }

    #[test]
    fn interactions_of_one_order_are_added_up() {
        let drawn = of(&[(2, 1), (2, 1), (2, 1), (3, -2)]);
        assert_eq!(drawn.orders, [(2, 3, 3), (3, 1, -2)]);
        assert_eq!(drawn.bars[1].text, "order 2: 3, sum 3");
        assert!(drawn.bars[1].height > drawn.bars[2].height);
    }

    #[test]
    fn what_needs_nothing_is_of_order_0_and_without_interactions_there_are_no_bars() {
        assert_eq!(of(&[(0, 1), (1, -1)]).bars[0].order, 0);
        let none = of(&[]);
        assert_eq!((none.bars.len(), none.text.as_str()), (0, "none"));
    }
}
