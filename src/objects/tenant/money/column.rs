//! Reading a row from left to right.

use serde::de::DeserializeOwned;

use super::super::desk::{read_as, read_json, read_micros, read_optional_as, read_optional_time, read_time};
use crate::domain::id::NotAnId;
use crate::domain::money::Micros;
use crate::domain::time::Timestamp;
use crate::objects::sql::{Row, SqlError};

/// A row and how far it has been read.
pub(in super::super) struct Columns<'r> {
    row: &'r Row,
    at: usize,
}

impl<'r> Columns<'r> {
    pub(in super::super) const fn of(row: &'r Row) -> Self {
        Self { row, at: 0 }
    }

    /// From a column on.
    pub(in super::super) const fn from(row: &'r Row, at: usize) -> Self {
        Self { row, at }
    }

    fn next(&mut self) -> usize {
        self.at += 1;
        self.at - 1
    }

    pub(in super::super) fn id<I>(&mut self, parse: impl Fn(&str) -> Result<I, NotAnId>) -> Result<I, SqlError> {
        let at = self.next();
        read_as(self.row, at, |text| parse(text).ok(), "not an id")
    }

    pub(in super::super) fn id_or_null<I>(&mut self, parse: impl Fn(&str) -> Result<I, NotAnId>) -> Result<Option<I>, SqlError> {
        let at = self.next();
        read_optional_as(self.row, at, |text| parse(text).ok(), "not an id")
    }

    pub(in super::super) fn name<T>(&mut self, parse: impl Fn(&str) -> Option<T>) -> Result<T, SqlError> {
        let at = self.next();
        read_as(self.row, at, parse, "not a name that is known")
    }

    pub(in super::super) fn name_or_null<T>(&mut self, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>, SqlError> {
        let at = self.next();
        read_optional_as(self.row, at, parse, "not a name that is known")
    }

    pub(in super::super) fn text(&mut self) -> Result<String, SqlError> {
        let at = self.next();
        self.row.text(at).map(str::to_owned)
    }

    pub(in super::super) fn text_or_null(&mut self) -> Result<Option<String>, SqlError> {
        let at = self.next();
        Ok(self.row.optional_text(at)?.map(str::to_owned))
    }

    pub(in super::super) fn number(&mut self) -> Result<u64, SqlError> {
        let at = self.next();
        self.row.unsigned(at)
    }

    pub(in super::super) fn number_or_null(&mut self) -> Result<Option<u64>, SqlError> {
        let at = self.next();
        self.row.optional_unsigned(at)
    }

    pub(in super::super) fn micros(&mut self) -> Result<Micros, SqlError> {
        let at = self.next();
        read_micros(self.row, at)
    }

    pub(in super::super) fn micros_or_null(&mut self) -> Result<Option<Micros>, SqlError> {
        let at = self.next();
        if self.row.is_null(at)? { Ok(None) } else { read_micros(self.row, at).map(Some) }
    }

    pub(in super::super) fn time(&mut self) -> Result<Timestamp, SqlError> {
        let at = self.next();
        read_time(self.row, at)
    }

    pub(in super::super) fn time_or_null(&mut self) -> Result<Option<Timestamp>, SqlError> {
        let at = self.next();
        read_optional_time(self.row, at)
    }

    pub(in super::super) fn json<T: DeserializeOwned>(&mut self) -> Result<T, SqlError> {
        let at = self.next();
        read_json(self.row, at, "not the JSON that was written")
    }
}
