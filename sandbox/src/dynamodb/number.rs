//! DynamoDB's numbers: decimal, exact, of up to 38 digits, see
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html>.

use std::cmp::Ordering;
use std::fmt;

/// "can have up to 38 digits of precision"
const MOST_DIGITS: usize = 38;

/// "Positive range: 1E-130 to 9.9999999999999999999999999999999999999E+125"
const MAGNITUDES: std::ops::RangeInclusive<i64> = -130..=125;

/// A number as DynamoDB keeps it: `±digits × 10^exponent`. One value has one form (no trailing zeros, one
/// zero), so that equal numbers are equal however they were written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Number {
    negative: bool,
    digits: u128,
    exponent: i64,
}

/// Why a text is no number of DynamoDB's, in its words.
pub(crate) type NotANumber = String;

impl Number {
    const ZERO: Self = Self {
        negative: false,
        digits: 0,
        exponent: 0,
    };

    /// Reads a number: an optional sign, digits with at most one point, an optional exponent.
    pub(crate) fn parse(text: &str) -> Result<Self, NotANumber> {
        let malformed = || format!("The parameter cannot be converted to a numeric value: {text}");
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => {
                let exponent = exponent.parse::<i64>().map_err(|_| malformed())?;
                (mantissa, exponent)
            }
            None => (unsigned, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let written = [whole, fraction].concat();
        if written.is_empty() || !written.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(malformed());
        }
        let shift = i64::try_from(fraction.len()).unwrap_or(i64::MAX);
        Self::from_digits(negative, &written, exponent.saturating_sub(shift))
    }

    /// The number `±written × 10^exponent`.
    fn from_digits(negative: bool, written: &str, exponent: i64) -> Result<Self, NotANumber> {
        let leading = written.trim_start_matches('0');
        let significant = leading.trim_end_matches('0');
        if significant.is_empty() {
            return Ok(Self::ZERO);
        }
        let length = |text: &str| i64::try_from(text.len()).unwrap_or(i64::MAX);
        let exponent = exponent.saturating_add(length(leading) - length(significant));
        let magnitude = exponent.saturating_add(length(significant) - 1);
        let problem = if magnitude > *MAGNITUDES.end() {
            "Number overflow. Attempting to store a number with magnitude larger than supported range"
        } else if magnitude < *MAGNITUDES.start() {
            "Number underflow. Attempting to store a number with magnitude smaller than supported range"
        } else if significant.len() > MOST_DIGITS {
            "Attempting to store more than 38 significant digits in a Number"
        } else {
            let digits = significant.parse().map_err(|_| "digits".to_owned())?;
            return Ok(Self {
                negative,
                digits,
                exponent,
            });
        };
        Err(problem.to_owned())
    }

    /// The sum, or why DynamoDB cannot hold it.
    pub(crate) fn plus(&self, other: &Self) -> Result<Self, NotANumber> {
        let (high, low) = if self.exponent >= other.exponent {
            (self, other)
        } else {
            (other, self)
        };
        if high.digits == 0 {
            return Ok(low.clone());
        }
        if low.digits == 0 {
            return Ok(high.clone());
        }
        // What does not fit in 128 bits has more than 38 digits, before and after the smaller one is added.
        let too_long =
            || "Attempting to store more than 38 significant digits in a Number".to_owned();
        let scaled = u32::try_from(high.exponent - low.exponent)
            .ok()
            .and_then(|shift| 10_u128.checked_pow(shift))
            .and_then(|factor| high.digits.checked_mul(factor))
            .ok_or_else(too_long)?;
        let (negative, digits) = if high.negative == low.negative {
            let sum = scaled.checked_add(low.digits).ok_or_else(too_long)?;
            (high.negative, sum)
        } else if scaled >= low.digits {
            (high.negative, scaled - low.digits)
        } else {
            (low.negative, low.digits - scaled)
        };
        Self::from_digits(negative, &digits.to_string(), low.exponent)
    }

    /// The difference, or why DynamoDB cannot hold it.
    pub(crate) fn minus(&self, other: &Self) -> Result<Self, NotANumber> {
        self.plus(&other.negated())
    }

    fn negated(&self) -> Self {
        Self {
            negative: !self.negative && self.digits != 0,
            ..self.clone()
        }
    }

    /// How many significant digits it has.
    fn length(&self) -> usize {
        self.digits.to_string().len()
    }

    /// How many bytes it takes in an item: "(1 byte per two significant digits) + (1 byte)".
    pub(crate) fn size(&self) -> usize {
        self.length().div_ceil(2) + 1
    }

    /// Compares without the signs.
    fn compare_magnitudes(&self, other: &Self) -> Ordering {
        if self.digits == 0 || other.digits == 0 {
            return self.digits.cmp(&other.digits);
        }
        let of = |number: &Self| {
            let length = number.length();
            let padding = u32::try_from(MOST_DIGITS.saturating_sub(length)).unwrap_or(0);
            let padded = number
                .digits
                .saturating_mul(10_u128.saturating_pow(padding));
            let magnitude = number.exponent + i64::try_from(length).unwrap_or(i64::MAX);
            (magnitude, padded)
        };
        of(self).cmp(&of(other))
    }
}

impl From<i64> for Number {
    fn from(number: i64) -> Self {
        // 19 digits always fit.
        Self::parse(&number.to_string()).unwrap_or(Self::ZERO)
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.negative, other.negative) {
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
            (false, false) => self.compare_magnitudes(other),
            (true, true) => other.compare_magnitudes(self),
        }
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Plain digits, without an exponent, as DynamoDB answers.
impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.negative {
            f.write_str("-")?;
        }
        let digits = self.digits.to_string();
        if let Ok(zeros) = usize::try_from(self.exponent) {
            return write!(f, "{digits}{}", "0".repeat(zeros));
        }
        let places = usize::try_from(self.exponent.unsigned_abs()).unwrap_or(usize::MAX);
        match digits.len().checked_sub(places).filter(|whole| *whole > 0) {
            Some(whole) => {
                let (whole, fraction) = digits.split_at(whole);
                write!(f, "{whole}.{fraction}")
            }
            None => write!(f, "0.{}{digits}", "0".repeat(places - digits.len())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number {
        Number::parse(text).unwrap()
    }

    #[test]
    fn one_value_has_one_form() {
        let cases = [
            ("0", "0"),
            ("-0.00", "0"),
            ("007", "7"),
            ("+1.50", "1.5"),
            ("-12e3", "-12000"),
            ("1.25E-3", "0.00125"),
            (".5", "0.5"),
            ("5.", "5"),
            ("0.1", "0.1"),
            ("100", "100"),
            (
                "12345678901234567890123456789012345678",
                "12345678901234567890123456789012345678",
            ),
        ];
        for (written, kept) in cases {
            assert_eq!(number(written).to_string(), kept, "{written}");
        }
        assert_eq!(number("1E125").to_string().len(), 126);
        assert_eq!(number("1E-130"), number("0.1E-129"));
    }

    #[test]
    fn what_it_cannot_hold_is_refused() {
        for text in ["", "-", "x", "1x", "1.2.3", "1e", "1e1.5", " 1", "NaN", "٣"] {
            assert!(
                Number::parse(text)
                    .unwrap_err()
                    .contains("cannot be converted"),
                "{text}"
            );
        }
        let refused = |text: &str| Number::parse(text).unwrap_err();
        assert!(refused("1E126").contains("overflow"));
        assert!(refused("-1E99999999").contains("overflow"));
        assert!(refused("1E-131").contains("underflow"));
        assert!(refused(&"1".repeat(39)).contains("38 significant digits"));
        assert!(Number::parse(&format!("{}0", "1".repeat(38))).is_ok());
    }

    #[test]
    fn numbers_are_in_order() {
        let sorted = [
            "-9.9E125", "-1000", "-12", "-2", "-0.5", "0", "1E-130", "0.09", "0.1", "2", "10",
            "10.5", "9.9E125",
        ];
        for (left, right) in sorted.iter().zip(sorted.iter().skip(1)) {
            assert!(number(left) < number(right), "{left} < {right}");
            assert!(number(right) > number(left), "{right} > {left}");
        }
        assert_eq!(number("1.0").cmp(&number("1")), Ordering::Equal);
    }

    #[test]
    fn sums_are_exact() {
        let cases = [
            ("1", "2", "3"),
            ("0.1", "0.2", "0.3"),
            ("1000", "-1", "999"),
            ("-1", "1", "0"),
            ("5", "-7", "-2"),
            (
                "99999999999999999999999999999999999999",
                "1",
                "100000000000000000000000000000000000000",
            ),
            ("1E125", "0", &format!("1{}", "0".repeat(125))),
            ("0", "-3", "-3"),
        ];
        for (left, right, sum) in cases {
            assert_eq!(number(left).plus(&number(right)).unwrap().to_string(), sum);
            assert_eq!(number(right).plus(&number(left)).unwrap().to_string(), sum);
            assert_eq!(number(sum).minus(&number(right)).unwrap(), number(left));
        }
        for (left, right) in [("1E100", "1"), ("1E38", "0.1"), ("1E39", "-0.1")] {
            let refused = number(left).plus(&number(right)).unwrap_err();
            assert!(
                refused.contains("38 significant digits"),
                "{left} + {right}"
            );
        }
        let most = number("9.9E125");
        assert!(most.plus(&most).unwrap_err().contains("overflow"));
    }
}
