//! The limits of tag keys and values, and the keys that no rule may have.

/// The most characters of a tag key in EC2.
///
/// See [Tag restrictions](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions).
pub const MAX_KEY_CHARS: usize = 128;

/// The most characters of a tag value in EC2; same document as [`MAX_KEY_CHARS`].
pub const MAX_VALUE_CHARS: usize = 256;

/// Whether `key` is reserved for AWS: users cannot write keys that begin with `aws:`, in any case.
///
/// Same document as [`MAX_KEY_CHARS`].
#[must_use]
pub fn is_reserved_key(key: &str) -> bool {
    key.get(..4)
        .is_some_and(|prefix| prefix.eq_ignore_ascii_case("aws:"))
}

/// Whether `key` is reserved for tagwarden: no rule may have a key that begins with `tagwarden:`, in any case.
///
/// A rule that wrote the [exemption tag](crate::exemption) would exempt every instance it covers.
#[must_use]
pub fn is_own_key(key: &str) -> bool {
    key.get(..OWN_PREFIX.len())
        .is_some_and(|prefix| prefix.eq_ignore_ascii_case(OWN_PREFIX))
}

/// The prefix of the keys that are reserved for tagwarden.
const OWN_PREFIX: &str = "tagwarden:";
