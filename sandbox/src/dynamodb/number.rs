//! DynamoDB's numbers: exact decimals of up to 38 digits, see
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html>.

use std::cmp::Ordering;
use std::fmt;

/// "can have up to 38 digits of precision"
const MAX_DIGITS: usize = 38;

/// "Positive range: 1E-130 to 9.9999999999999999999999999999999999999E+125"
const MAGNITUDES: std::ops::RangeInclusive<i64> = -130..=125;

/// A number as DynamoDB stores it: `±digits × 10^exponent`.
///
/// A value has only one form, without trailing zeros and with one zero, so equal numbers compare as equal however they
/// were written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Number {
    is_negative: bool,
    digits: u128,
    exponent: i64,
}

impl Number {
    /// Reads a number: an optional sign, digits with at most one point, an optional exponent. The error is DynamoDB's
    /// message.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let malformed = || format!("The parameter cannot be converted to a numeric value: {text}");
        let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse().map_err(|_| malformed())?),
            None => (unsigned, 0_i64),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let written = [whole, fraction].concat();
        if written.is_empty() || !written.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(malformed());
        }
        let length = |text: &str| i64::try_from(text.len()).unwrap_or(i64::MAX);
        let leading = written.trim_start_matches('0');
        let significant = leading.trim_end_matches('0');
        if significant.is_empty() {
            return Ok(Self::from(0));
        }
        let exponent = exponent
            .saturating_sub(length(fraction))
            .saturating_add(length(leading) - length(significant));
        let magnitude = exponent.saturating_add(length(significant) - 1);
        let problem = if magnitude > *MAGNITUDES.end() {
            "Number overflow. Attempting to store a number with magnitude larger than supported range"
        } else if magnitude < *MAGNITUDES.start() {
            "Number underflow. Attempting to store a number with magnitude smaller than supported range"
        } else if significant.len() > MAX_DIGITS {
            "Attempting to store more than 38 significant digits in a Number"
        } else {
            return Ok(Self {
                is_negative: text.starts_with('-'),
                digits: significant.parse().map_err(|_| malformed())?,
                exponent,
            });
        };
        Err(problem.to_owned())
    }

    /// The sum, if both numbers are whole and fit into 64 bits.
    pub(crate) fn plus(&self, other: &Self) -> Option<Self> {
        let whole = |number: &Self| number.to_string().parse::<i64>().ok();
        whole(self)?.checked_add(whole(other)?).map(Self::from)
    }

    /// The number of bytes it takes in an item: "(1 byte per two significant digits) + (1 byte)".
    pub(crate) fn size(&self) -> usize {
        self.digits.to_string().len().div_ceil(2) + 1
    }

    /// Compares without the signs.
    fn compare_magnitudes(&self, other: &Self) -> Ordering {
        if self.digits == 0 || other.digits == 0 {
            return self.digits.cmp(&other.digits);
        }
        let padded = |number: &Self| {
            let digits = number.digits.to_string();
            let length = i64::try_from(digits.len()).unwrap_or(i64::MAX);
            (number.exponent + length, format!("{digits:0<MAX_DIGITS$}"))
        };
        padded(self).cmp(&padded(other))
    }
}

impl From<i64> for Number {
    fn from(number: i64) -> Self {
        let mut digits = u128::from(number.unsigned_abs());
        let mut exponent = 0;
        while digits != 0 && digits.is_multiple_of(10) {
            digits /= 10;
            exponent += 1;
        }
        Self {
            is_negative: number < 0,
            digits,
            exponent,
        }
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.is_negative, other.is_negative) {
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
        if self.is_negative {
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
    fn gives_equal_numbers_one_form() {
        for (written, stored) in [
            ("0", "0"),
            ("-0.00", "0"),
            ("007", "7"),
            ("+1.50", "1.5"),
            ("-12e3", "-12000"),
            ("1.25E-3", "0.00125"),
            (".5", "0.5"),
            ("5.", "5"),
            ("100", "100"),
        ] {
            assert_eq!(number(written).to_string(), stored, "{written}");
        }
        assert_eq!(number("1E125").to_string().len(), 126);
        assert_eq!(number("1E-130"), number("0.1E-129"));
        for whole in [0, 7, 100, -1200, i64::MIN, i64::MAX] {
            assert_eq!(Number::from(whole), number(&whole.to_string()));
        }
    }

    #[test]
    fn refuses_what_dynamodb_cannot_store() {
        for text in ["", "-", "+-1", "x", "1.2.3", "1e", "1e1.5", " 1", "NaN"] {
            let message = Number::parse(text).unwrap_err();
            assert!(message.contains("cannot be converted"), "{text}");
        }
        let refused = |text: &str| Number::parse(text).unwrap_err();
        assert!(refused("1E126").contains("overflow"));
        assert!(refused("1E-131").contains("underflow"));
        assert!(refused(&"1".repeat(39)).contains("38 significant digits"));
    }

    #[test]
    fn orders_numbers_by_value() {
        let sorted = [
            "-9.9E125", "-1000", "-12", "-2", "-0.5", "0", "1E-130", "0.09", "0.1", "2", "10",
            "10.5", "9.9E125",
        ];
        for (left, right) in sorted.iter().zip(sorted.iter().skip(1)) {
            assert!(number(left) < number(right), "{left} < {right}");
        }
        assert_eq!(number("-5").plus(&number("15")), Some(number("10")));
        assert_eq!(number("0.5").plus(&number("1")), None);
    }
}
