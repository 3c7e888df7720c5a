//! Converts columns to the types of the domain. A value that does not parse gives [`DatabaseError::Corrupt`].

use std::fmt::Display;
use std::str::FromStr;

use jelou_token::TokenHash;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use sqlx::Row;
use sqlx::any::AnyRow;

use super::error::DatabaseError;
use crate::vault::SealedSecret;

pub(crate) trait Columns {
    fn text(&self, column: &str) -> Result<String, DatabaseError>;
    fn optional_text(&self, column: &str) -> Result<Option<String>, DatabaseError>;
    fn number(&self, column: &str) -> Result<i64, DatabaseError>;
    fn optional_number(&self, column: &str) -> Result<Option<i64>, DatabaseError>;
    fn bytes(&self, column: &str) -> Result<Vec<u8>, DatabaseError>;
    fn optional_bytes(&self, column: &str) -> Result<Option<Vec<u8>>, DatabaseError>;

    fn parsed<T: FromStr<Err: Display>>(&self, column: &str) -> Result<T, DatabaseError> {
        parse(column, &self.text(column)?)
    }

    fn optional_parsed<T: FromStr<Err: Display>>(
        &self,
        column: &str,
    ) -> Result<Option<T>, DatabaseError> {
        self.optional_text(column)?
            .map(|text| parse(column, &text))
            .transpose()
    }

    fn json<T: DeserializeOwned>(&self, column: &str) -> Result<T, DatabaseError> {
        serde_json::from_str(&self.text(column)?)
            .map_err(|error| DatabaseError::corrupt(column, error))
    }

    fn optional_json<T: DeserializeOwned>(&self, column: &str) -> Result<Option<T>, DatabaseError> {
        self.optional_text(column)?
            .map(|text| serde_json::from_str(&text))
            .transpose()
            .map_err(|error| DatabaseError::corrupt(column, error))
    }

    fn time(&self, column: &str) -> Result<Timestamp, DatabaseError> {
        timestamp(column, self.number(column)?)
    }

    fn optional_time(&self, column: &str) -> Result<Option<Timestamp>, DatabaseError> {
        self.optional_number(column)?
            .map(|milliseconds| timestamp(column, milliseconds))
            .transpose()
    }

    /// Reads a number that must not be negative.
    fn size(&self, column: &str) -> Result<u64, DatabaseError> {
        u64::try_from(self.number(column)?).map_err(|error| DatabaseError::corrupt(column, error))
    }

    /// Reads an encrypted value and the id of its master key from the columns `ciphertext` and `key_id`.
    fn sealed(&self) -> Result<SealedSecret, DatabaseError> {
        Ok(SealedSecret::from_parts(
            self.parsed("key_id")?,
            self.bytes("ciphertext")?,
        ))
    }

    fn token_hash(&self, column: &str) -> Result<TokenHash, DatabaseError> {
        self.bytes(column)?
            .try_into()
            .map(TokenHash::from_bytes)
            .map_err(|_| DatabaseError::corrupt(column, "a hash has 32 bytes"))
    }
}

impl Columns for AnyRow {
    fn text(&self, column: &str) -> Result<String, DatabaseError> {
        Ok(self.try_get(column)?)
    }

    fn optional_text(&self, column: &str) -> Result<Option<String>, DatabaseError> {
        Ok(self.try_get(column)?)
    }

    fn number(&self, column: &str) -> Result<i64, DatabaseError> {
        Ok(self.try_get(column)?)
    }

    fn optional_number(&self, column: &str) -> Result<Option<i64>, DatabaseError> {
        Ok(self.try_get(column)?)
    }

    fn bytes(&self, column: &str) -> Result<Vec<u8>, DatabaseError> {
        Ok(self.try_get(column)?)
    }

    fn optional_bytes(&self, column: &str) -> Result<Option<Vec<u8>>, DatabaseError> {
        Ok(self.try_get(column)?)
    }
}

fn parse<T: FromStr<Err: Display>>(column: &str, text: &str) -> Result<T, DatabaseError> {
    text.parse()
        .map_err(|error| DatabaseError::corrupt(column, error))
}

fn timestamp(column: &str, milliseconds: i64) -> Result<Timestamp, DatabaseError> {
    Timestamp::from_millisecond(milliseconds).map_err(|error| DatabaseError::corrupt(column, error))
}
