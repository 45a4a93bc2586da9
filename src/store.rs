//! Durable state. The only place that speaks SQL.
