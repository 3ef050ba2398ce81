//! Identifiers: well-formed as AWS's are, and the same in every run.

/// FNV-1a of `text`, for identifiers and orders that must look arbitrary and yet never change.
pub(crate) fn fingerprint(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// Seventeen hexadecimal digits that depend on `text` alone: the second part of a long EC2 id.
pub(crate) fn long_id(prefix: &str, text: &str) -> String {
    format!("{prefix}-0{:016x}", scatter(fingerprint(text)))
}

/// The source of identifiers of one account.
#[derive(Debug, Default)]
pub(crate) struct Ids {
    instances: u64,
    volumes: u64,
    others: u64,
}

impl Ids {
    /// The identifiers of the `nth` place of an organization, which are those of no other place.
    pub(crate) fn of_place(nth: u32) -> Self {
        let first = u64::from(nth) << 32;
        Self {
            instances: first,
            volumes: first,
            others: first,
        }
    }

    /// `i-00000000000000001`, `i-00000000000000002`, …: easy to read in a test, and in order of launch.
    pub(crate) fn instance(&mut self) -> String {
        self.instances = self.instances.wrapping_add(1);
        format!("i-0{:016x}", self.instances)
    }

    /// `vol-00000000000000001` and so on, in the order in which they are created.
    pub(crate) fn volume(&mut self) -> String {
        self.volumes = self.volumes.wrapping_add(1);
        format!("vol-0{:016x}", self.volumes)
    }

    /// A UUID: request ids, event ids, message ids.
    pub(crate) fn uuid(&mut self) -> String {
        let (high, low) = (self.next(), self.next());
        format!(
            "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xfff,
            low >> 52,
            low & 0xffff_ffff_ffff
        )
    }

    /// A long EC2 id with this prefix, such as `r-0123456789abcdef0`.
    pub(crate) fn long(&mut self, prefix: &str) -> String {
        format!("{prefix}-0{:016x}", self.next())
    }

    /// Six letters and digits, as in a Config rule's id.
    pub(crate) fn short(&mut self) -> String {
        format!("{:06x}", self.next() & 0x00ff_ffff)
    }

    /// An opaque token of several hundred bits.
    pub(crate) fn token(&mut self) -> String {
        let parts: [String; 6] = std::array::from_fn(|_| format!("{:016x}", self.next()));
        parts.concat()
    }

    fn next(&mut self) -> u64 {
        self.others = self.others.wrapping_add(1);
        scatter(self.others)
    }
}

/// The output function of `SplitMix64`: neighbours in, nothing alike out.
fn scatter(number: u64) -> u64 {
    let mut z = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Page tokens: the caller's place in a listing, sealed so that one that was not issued, or was
/// issued for something else (another `kind`), is told apart.
pub(crate) mod page {
    use super::fingerprint;

    /// The token that leads back to `place` in a listing of this `kind`.
    pub(crate) fn seal(kind: &str, place: &str) -> String {
        let seal = fingerprint(&format!("{kind}\n{place}"));
        let digits: Vec<String> = place.bytes().map(|byte| format!("{byte:02x}")).collect();
        format!("{seal:016x}{}", digits.concat())
    }

    /// The place a token leads to, or none if it was never issued for this `kind`.
    pub(crate) fn open(kind: &str, token: &str) -> Option<String> {
        let (_, digits) = token.split_at_checked(16)?;
        let bytes = digits
            .as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok())
            .collect::<Option<Vec<u8>>>()?;
        let place = String::from_utf8(bytes).ok()?;
        (seal(kind, &place) == token).then_some(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issues_well_formed_distinct_ids() {
        let mut ids = Ids::default();
        assert_eq!(ids.instance(), "i-00000000000000001");
        assert_eq!(ids.instance().len(), "i-0123456789abcdef0".len());
        let uuids: std::collections::BTreeSet<_> = (0..1000).map(|_| ids.uuid()).collect();
        assert_eq!(uuids.len(), 1000);
        assert!(uuids.iter().all(|uuid| uuid.len() == 36));
        assert_eq!(long_id("eni", "x"), long_id("eni", "x"));
        assert_ne!(long_id("eni", "x"), long_id("eni", "y"));
    }

    #[test]
    fn opens_a_page_token_only_for_its_own_listing() {
        let token = page::seal("instances", "i-00000000000000001");
        assert_eq!(
            page::open("instances", &token).as_deref(),
            Some("i-00000000000000001")
        );
        assert_eq!(page::open("events", &token), None);
        for wrong in ["", "x", "ééééééééé", &token[1..], &format!("{token}0")] {
            assert_eq!(page::open("instances", wrong), None, "{wrong}");
        }
    }
}
