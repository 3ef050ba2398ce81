//! DynamoDB's numbers as texts.

/// The most digits of a number, see
/// [Data types](https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html).
const MOST_DIGITS: usize = 38;

/// The powers of ten that the first digit can stand for (same document).
const MAGNITUDES: std::ops::RangeInclusive<i64> = -130..=125;

/// The canonical decimal form of a number, so that equal numbers are equal texts: no sign `+`, no exponent, no leading or
/// trailing zeros. `None` if DynamoDB cannot store it.
pub fn canonical(text: &str) -> Option<String> {
    let (sign, unsigned) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = [whole, fraction].concat();
    if all.is_empty() || !all.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let significant = all.trim_start_matches('0');
    let digits = significant.trim_end_matches('0');
    if digits.is_empty() {
        return Some("0".to_owned());
    }
    // The position of the point, counted in digits from the first one that is not zero.
    let leading = i64::try_from(all.len() - significant.len()).ok()?;
    let point = i64::try_from(whole.len())
        .ok()?
        .checked_sub(leading)?
        .checked_add(exponent)?;
    if digits.len() > MOST_DIGITS || !MAGNITUDES.contains(&(point - 1)) {
        return None;
    }
    let zeros = |count: i64| "0".repeat(usize::try_from(count).unwrap_or(0));
    let length = i64::try_from(digits.len()).ok()?;
    let number = if point <= 0 {
        format!("0.{}{digits}", zeros(-point))
    } else if point >= length {
        format!("{digits}{}", zeros(point - length))
    } else {
        let (whole, fraction) = digits.split_at_checked(usize::try_from(point).ok()?)?;
        format!("{whole}.{fraction}")
    };
    Some(format!("{sign}{number}"))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::canonical;

    #[rstest]
    #[case("0", "0")]
    #[case("-0.00e7", "0")]
    #[case("+007", "7")]
    #[case("1.50", "1.5")]
    #[case("-.5", "-0.5")]
    #[case("5.", "5")]
    #[case("1200", "1200")]
    #[case("1.2e3", "1200")]
    #[case("12.34E1", "123.4")]
    #[case("0.00123e1", "0.0123")]
    #[case("1e-3", "0.001")]
    #[case(&"9".repeat(38), &"9".repeat(38))]
    #[case("1E125", &format!("1{}", "0".repeat(125)))]
    #[case("1E-130", &format!("0.{}1", "0".repeat(129)))]
    fn equal_numbers_have_one_form(#[case] written: &str, #[case] form: &str) {
        assert_eq!(canonical(written).as_deref(), Some(form));
        assert_eq!(canonical(form).as_deref(), Some(form));
    }

    #[rstest]
    #[case("")]
    #[case(".")]
    #[case("-")]
    #[case("1e")]
    #[case("1e99999999999999999999")]
    #[case("1e9223372036854775807")]
    #[case("--1")]
    #[case("1.2.3")]
    #[case("١")]
    #[case("1E126")]
    #[case("1E-131")]
    #[case(&"9".repeat(39))]
    fn rejects_what_dynamodb_cannot_store(#[case] written: &str) {
        assert_eq!(canonical(written), None);
    }
}
