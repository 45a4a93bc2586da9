//! Wall-clock text. Times are milliseconds since 1970 inside and RFC 3339 UTC on the wire; nothing here reads a clock.

use serde::{Deserialize, Deserializer, de::Error as _};

/// A moment that came over the wire as RFC 3339, in milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(pub i64);

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        parse_rfc3339(&text).map(Self).ok_or_else(|| D::Error::custom("not a time as of RFC 3339"))
    }
}

impl schemars::JsonSchema for Timestamp {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Timestamp".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "format": "date-time"})
    }
}

/// `2026-01-31T12:00:00.000Z`. Times before 1970 or after 9999 are clamped into that range.
pub fn rfc3339(unix_ms: i64) -> String {
    const LAST_MS: i64 = 253_402_300_799_999;
    let ms = unix_ms.clamp(0, LAST_MS);
    let (days, in_day) = (ms / 86_400_000, ms % 86_400_000);
    let (year, month, day) = civil(days);
    let (hour, minute) = (in_day / 3_600_000, in_day / 60_000 % 60);
    let (second, milli) = (in_day / 1_000 % 60, in_day % 1_000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
}

/// Milliseconds of a day.
pub const DAY_MS: i64 = 86_400_000;

/// The first moment of `2026-01-31` in UTC; `None` for what is no date of 1970 to 9999.
pub fn parse_date(text: &str) -> Option<i64> {
    let [year, month, day] = fields(text, [4, 2, 2], '-')?;
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) {
        return None;
    }
    let days = days(year, month, day);
    // A 31st of June would be another day.
    (civil(days) == (year, month, day)).then_some(days * DAY_MS)
}

/// `2026-01-31T12:00:00Z`, with a fraction or an offset `+02:00` as well. A leap second is the one after it.
pub fn parse_rfc3339(text: &str) -> Option<i64> {
    let (date, rest) = text.split_once(['T', 't', ' '])?;
    let zone = rest.find(['Z', 'z', '+', '-'])?;
    let (time, zone) = rest.split_at_checked(zone)?;
    let (whole, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let [hour, minute, second] = fields(whole, [2, 2, 2], ':')?;
    let fine = !fraction.is_empty() && fraction.bytes().all(|byte| byte.is_ascii_digit());
    if hour > 23 || minute > 59 || second > 60 || !fine {
        return None;
    }
    let milli: i64 =
        fraction.bytes().chain(*b"00").take(3).fold(0, |sum, byte| sum * 10 + i64::from(byte - b'0'));
    let (sign, offset) = match zone.split_at_checked(1)? {
        ("Z" | "z", "") => (0, "00:00"),
        ("+", offset) => (1, offset),
        ("-", offset) => (-1, offset),
        _ => return None,
    };
    let [hours, minutes, _] = fields(&format!("{offset}:00"), [2, 2, 2], ':')?;
    if hours > 23 || minutes > 59 {
        return None;
    }
    let minutes = hour * 60 + minute - sign * (hours * 60 + minutes);
    Some(parse_date(date)? + (minutes * 60 + second) * 1_000 + milli)
}

/// Three numbers of these many digits.
fn fields(text: &str, widths: [usize; 3], between: char) -> Option<[i64; 3]> {
    let mut parts = text.split(between);
    let mut numbers = [0; 3];
    for (number, width) in numbers.iter_mut().zip(widths) {
        let part =
            parts.next().filter(|part| part.len() == width && part.bytes().all(|b| b.is_ascii_digit()))?;
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(numbers)
}

/// Days since 1970-01-01 of a date: `civil` backwards.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month > 2 { year } else { year - 1 };
    let era = year.div_euclid(400);
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let year_of_era = year.rem_euclid(400);
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Days since 1970-01-01 to a proleptic Gregorian date, counting years from March so that leap days come last.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_instants_are_written_as_the_calendar_says() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(951_782_400_123), "2000-02-29T00:00:00.123Z");
        assert_eq!(rfc3339(1_709_251_199_999), "2024-02-29T23:59:59.999Z");
        assert_eq!(rfc3339(1_735_689_600_000), "2025-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(-5), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(i64::MAX), "9999-12-31T23:59:59.999Z");
    }

    #[test]
    fn what_is_written_is_read_again() {
        for day in (0..2_932_896).step_by(17) {
            let ms = day * DAY_MS;
            let text = rfc3339(ms + 45_296_789);
            assert_eq!(parse_date(&text[..10]), Some(ms), "{text}");
            assert_eq!(parse_rfc3339(&text), Some(ms + 45_296_789), "{text}");
        }
        assert_eq!(parse_rfc3339("2000-02-29T02:00:00.5+02:00"), Some(951_782_400_500));
        assert_eq!(parse_rfc3339("2000-02-28T22:30:00-01:30"), Some(951_782_400_000));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for bad in
            ["", "2026", "2026-1-01", "2026-13-01", "2026-06-31", "1969-12-31", "2026-01-01 ", "+026-01-01"]
        {
            assert_eq!(parse_date(bad), None, "{bad:?}");
        }
        for bad in [
            "2026-01-01",
            "2026-01-01T10:00",
            "2026-01-01T24:00:00Z",
            "2026-01-01T10:00:00",
            "2026-01-01T10:00:00.Z",
            "2026-01-01T10:00:00Zulu",
            "2026-01-01T10:00:00+2:00",
            "T::Z",
            "ä2026-01-01Tä",
        ] {
            assert_eq!(parse_rfc3339(bad), None, "{bad:?}");
        }
    }
}
