mod changes;
mod due;
mod expressions;
mod oracle;
