//! Reports, bans and the audit log as the services see them, and their JSON on the wire.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::model::WallMs;
use crate::base::{
    id::{ChannelId, MessageId, ReportId, UserId},
    time::rfc3339,
};

/// What became of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReportState {
    Open,
    /// There was nothing to do.
    Dismissed,
    /// Something was done.
    Actioned,
}

impl ReportState {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Dismissed => "dismissed",
            Self::Actioned => "actioned",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Open, Self::Dismissed, Self::Actioned].into_iter().find(|state| state.as_str() == text)
    }
}

/// Who reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReportKind {
    User,
    /// A list of words.
    Filter,
}

impl ReportKind {
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "user" => Some(Self::User),
            "filter" => Some(Self::Filter),
            _ => None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportRecord {
    pub id: ReportId,
    pub message: MessageId,
    pub channel: ChannelId,
    pub author: UserId,
    /// What was said when it was reported.
    pub content: String,
    pub kind: ReportKind,
    /// `None` for a filter.
    pub reporter: Option<UserId>,
    pub reason: String,
    pub note: String,
    pub state: ReportState,
    pub resolved_by: Option<UserId>,
    pub resolved_at: Option<WallMs>,
    pub resolution_note: String,
    pub created_at: WallMs,
}

impl ReportRecord {
    /// `{id, messageId, channelId, authorId, content, kind, reporterId|null, reason, note, state, resolvedBy|null,
    /// resolvedAt|null, resolutionNote, createdAt}`
    pub fn to_json(&self) -> Value {
        json!({
            "id": self.id, "messageId": self.message, "channelId": self.channel, "authorId": self.author,
            "content": self.content, "kind": self.kind, "reporterId": self.reporter, "reason": self.reason, "note": self.note,
            "state": self.state, "resolvedBy": self.resolved_by,
            "resolvedAt": self.resolved_at.map(rfc3339), "resolutionNote": self.resolution_note,
            "createdAt": rfc3339(self.created_at),
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BanRecord {
    pub user: UserId,
    pub username: String,
    pub name: String,
    pub by: UserId,
    pub reason: String,
    pub at: WallMs,
    /// `None` = for good.
    pub until: Option<WallMs>,
}

impl BanRecord {
    /// `{userId, username, name, by, reason, at, until|null}`
    pub fn to_json(&self) -> Value {
        json!({
            "userId": self.user, "username": self.username, "name": self.name, "by": self.by,
            "reason": self.reason, "at": rfc3339(self.at), "until": self.until.map(rfc3339),
        })
    }
}

/// One line of the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRecord {
    /// 1, 2, 3 …
    pub n: u64,
    pub at: WallMs,
    pub actor: UserId,
    /// `noun.verb`
    pub action: String,
    /// The id of what it was done to.
    pub target: String,
    pub ip: Option<String>,
    /// A JSON object.
    pub detail: String,
    /// Of the line before; empty for the first.
    pub prev_hash: String,
    pub hash: String,
}

impl AuditRecord {
    /// `{n, at, actor, action, target, ip|null, detail{}, prevHash, hash}`
    pub fn to_json(&self) -> Value {
        json!({
            "n": self.n, "at": rfc3339(self.at), "actor": self.actor, "action": self.action,
            "target": self.target, "ip": self.ip,
            "detail": serde_json::from_str::<Value>(&self.detail).unwrap_or_default(),
            "prevHash": self.prev_hash, "hash": self.hash,
        })
    }

    /// SHA-256 over the previous hash and everything the line says.
    pub fn expected_hash(&self) -> String {
        let line = json!([
            self.prev_hash,
            self.n,
            self.at,
            self.actor,
            self.action,
            self.target,
            self.ip,
            self.detail
        ]);
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, line.to_string().as_bytes());
        digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Whether this line follows one with that number and hash, unchanged.
    pub fn follows(&self, n: u64, hash: &str) -> bool {
        self.n == n + 1 && self.prev_hash == hash && self.hash == self.expected_hash()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_line_breaks_the_chain() {
        let mut line = AuditRecord {
            n: 1,
            at: 5,
            actor: UserId::from_parts(1, 1),
            action: "user.ban".into(),
            target: "x".into(),
            ip: None,
            detail: "{}".into(),
            prev_hash: String::new(),
            hash: String::new(),
        };
        line.hash = line.expected_hash();
        assert!(line.follows(0, ""));
        assert!(!line.follows(1, "") && !line.follows(0, "other"));
        for change in [
            |line: &mut AuditRecord| line.at = 6,
            |line: &mut AuditRecord| line.actor = UserId::from_parts(1, 2),
            |line: &mut AuditRecord| line.action.push('x'),
            |line: &mut AuditRecord| line.target.push('x'),
            |line: &mut AuditRecord| line.ip = Some("::1".into()),
            |line: &mut AuditRecord| line.detail.push(' '),
        ] {
            let mut forged = line.clone();
            change(&mut forged);
            assert!(!forged.follows(0, ""), "{forged:?}");
        }
    }
}
