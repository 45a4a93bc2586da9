//! Where somebody acts from.

use std::{fmt, net::IpAddr};

/// An address on its way to the audit log and the list of sessions. It does not print: logs of the process know no
/// addresses of people.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Origin(Option<IpAddr>);

impl Origin {
    /// As it is stored.
    pub fn text(self) -> Option<String> {
        self.0.map(|ip| ip.to_canonical().to_string())
    }
}

impl From<IpAddr> for Origin {
    fn from(ip: IpAddr) -> Self {
        Self(Some(ip))
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_stored_but_does_not_print() {
        let mapped: IpAddr = "::ffff:192.0.2.7".parse().unwrap();
        assert_eq!(Origin::from(mapped).text().as_deref(), Some("192.0.2.7"));
        assert_eq!(format!("{:?}", Origin::from(mapped)), "…");
        assert_eq!(Origin::default().text(), None);
    }
}
