package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ncruces/go-sqlite3"
)

// indexStream adds an index to the database of the local engine. Without it, the
// engine reads all records of the stream with every write, to find the newest one, and
// with every page of records: 10,000 records make a write take several milliseconds.
// SQLite uses the index only for casts that name the type as the engine does.
func indexStream(ctx context.Context, file string) error {
	return changeEngine(ctx, file, "index the engine's stream",
		`create index if not exists _stream_records_by_sequence on _stream_records (table_name, cast(sequence_number as INTEGER))`)
}

// trimStream drops the records of a table's stream up to a sequence number from the
// database of the local engine, which keeps them for ever. The newest record stays: the
// engine counts on from its number.
func trimStream(ctx context.Context, file, table, sequence string) error {
	return changeEngine(ctx, file, "drop old records of the engine's stream",
		`delete from _stream_records where table_name = ? and cast(sequence_number as INTEGER) <= cast(? as INTEGER)
		and id < (select max(id) from _stream_records)`, table, sequence)
}

// changeEngine runs a statement on the database file of a local engine, which may be
// running.
func changeEngine(ctx context.Context, file, what, sql string, values ...string) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("%s: %w", what, err)
		}
	}()
	c, err := sqlite3.OpenFlags(file, sqlite3.OPEN_READWRITE)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	c.SetInterrupt(ctx)
	if err := c.BusyTimeout(5 * time.Second); err != nil {
		return err
	}
	statement, _, err := c.Prepare(sql)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, statement.Close()) }()
	for i, value := range values {
		if err := statement.BindText(i+1, value); err != nil {
			return err
		}
	}
	return statement.Exec()
}
