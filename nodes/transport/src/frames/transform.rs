//! Rigid motions of frames: a turn and then a shift, with tf2's formulas, and the same bits on every machine.

/// What carries points of a frame into its parent's: turned by a quaternion (x, y, z, w), then shifted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Transform {
    pub translation: [f64; 3],
    pub rotation: [f64; 4],
}

/// How far a quaternion's squared length may be from 1, as in tf2.
const TOLERANCE: f64 = 10e-3;

impl Transform {
    pub const IDENTITY: Self = Self { translation: [0.0; 3], rotation: [0.0, 0.0, 0.0, 1.0] };

    /// Whether all numbers are numbers and the quaternion is one of a turn.
    pub fn is_sound(&self) -> bool {
        let numbers = self.translation.iter().chain(&self.rotation).all(|number| number.is_finite());
        numbers && (dot(self.rotation, self.rotation) - 1.0).abs() < TOLERANCE
    }

    /// This motion after `first`.
    pub fn after(&self, first: &Self) -> Self {
        let turned = rotate(self.rotation, first.translation);
        Self { translation: sum(turned, self.translation), rotation: product(self.rotation, first.rotation) }
    }

    pub fn inverse(&self) -> Self {
        let rotation = conjugate(self.rotation);
        Self { translation: rotate(rotation, self.translation.map(|each| -each)), rotation }
    }

    /// Between this motion and `other`, `share` of the way.
    pub fn towards(&self, other: &Self, share: f64) -> Self {
        let [[a, b, c], [x, y, z]] = [self.translation, other.translation];
        let mix = |from: f64, to: f64| (1.0 - share) * from + share * to;
        Self { translation: [mix(a, x), mix(b, y), mix(c, z)], rotation: between(self.rotation, other.rotation, share) }
    }
}

fn sum([a, b, c]: [f64; 3], [x, y, z]: [f64; 3]) -> [f64; 3] {
    [a + x, b + y, c + z]
}

fn dot([a, b, c, d]: [f64; 4], [x, y, z, w]: [f64; 4]) -> f64 {
    a * x + b * y + c * z + d * w
}

fn conjugate([x, y, z, w]: [f64; 4]) -> [f64; 4] {
    [-x, -y, -z, w]
}

fn product([ax, ay, az, aw]: [f64; 4], [bx, by, bz, bw]: [f64; 4]) -> [f64; 4] {
    [
        aw * bx + ax * bw + ay * bz - az * by,
        aw * by + ay * bw + az * bx - ax * bz,
        aw * bz + az * bw + ax * by - ay * bx,
        aw * bw - ax * bx - ay * by - az * bz,
    ]
}

fn rotate(rotation: [f64; 4], [x, y, z]: [f64; 3]) -> [f64; 3] {
    let [x, y, z, _] = product(product(rotation, [x, y, z, 0.0]), conjugate(rotation));
    [x, y, z]
}

/// Along the shorter arc from one turn to another.
fn between(from: [f64; 4], to: [f64; 4], share: f64) -> [f64; 4] {
    let [from_length, to_length] = [dot(from, from).sqrt(), dot(to, to).sqrt()];
    let sign = if dot(from, to) < 0.0 { -1.0 } else { 1.0 };
    let chord: [f64; 4] = std::array::from_fn(|at| to[at] / to_length * sign - from[at] / from_length);
    // Twice as far on the sphere of turns as half of the chord says.
    let angle = 2.0 * arc_sine(dot(chord, chord).sqrt() / 2.0);
    if angle == 0.0 {
        return from;
    }
    let [first, second] = [sine((1.0 - share) * angle), sine(share * angle) * sign];
    let whole = sine(angle);
    std::array::from_fn(|at| (from[at] * first + to[at] * second) / whole)
}

// The C library's functions differ from machine to machine in the last bit; these are sums and products.

/// Of an angle up to a right one; error below 2 units in the last place.
fn sine(angle: f64) -> f64 {
    let square = angle * angle;
    // x - x³/3! + x⁵/5! - …, from the smallest on.
    let rest = (1..=11).rev().fold(0.0, |sum, at| {
        let next = f64::from(2 * at) * f64::from(2 * at + 1);
        (1.0 - sum) * square / next
    });
    angle * (1.0 - rest)
}

/// Of the sine of half a right angle at most.
fn arc_sine(sine: f64) -> f64 {
    // Halved three times, the angle is so small that its series ends soon.
    let mut part = sine;
    for _ in 0..3 {
        part /= (2.0 * (1.0 + (1.0 - part * part).sqrt())).sqrt();
    }
    let square = part * part;
    // x + x³/6 + 3x⁵/40 + …
    let series = (1..=8).rev().fold(1.0, |sum, at| {
        let [odd, even] = [f64::from(2 * at - 1), f64::from(2 * at)];
        let ratio = odd * odd / (even * (even + 1.0));
        1.0 + square * ratio * sum
    });
    8.0 * part * series
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sine_and_its_inverse_are_the_c_librarys_to_the_last_places() {
        for step in 0..=10_000 {
            let angle = f64::from(step) / 10_000.0 * std::f64::consts::FRAC_PI_2;
            assert!((sine(angle) - angle.sin()).abs() <= 2.0 * f64::EPSILON, "sin {angle}");
            let half = (angle / 2.0).sin();
            assert!((arc_sine(half) - half.asin()).abs() <= 2.0 * f64::EPSILON, "asin {half}");
        }
    }

    #[test]
    fn a_motion_and_its_inverse_are_none() {
        let motion = Transform { translation: [1.0, -2.0, 3.0], rotation: [0.5, -0.5, 0.5, 0.5] };
        let none = motion.after(&motion.inverse());
        assert_eq!(none, Transform::IDENTITY);
    }

    #[test]
    fn half_the_way_between_two_turns_is_the_turn_by_half_the_angle_whichever_sign_they_have() {
        let half = std::f64::consts::FRAC_1_SQRT_2;
        let quarter = Transform { translation: [2.0, 0.0, 0.0], rotation: [0.0, 0.0, half, half] };
        let other = Transform { rotation: quarter.rotation.map(|each| -each), ..quarter };
        let eighth = std::f64::consts::FRAC_PI_8;
        for end in [quarter, other] {
            let found = Transform::IDENTITY.towards(&end, 0.5);
            assert_eq!(found.translation, [1.0, 0.0, 0.0]);
            assert!(
                (found.rotation[2] - eighth.sin()).abs() < 1e-15 && (found.rotation[3] - eighth.cos()).abs() < 1e-15
            );
        }
    }
}
