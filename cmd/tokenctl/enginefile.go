package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/latchkey-api/latchkey/shared/dynamo"
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

// ttlSeconds is the SQL expression of the second at which an item expires, null if it never
// does.
const ttlSeconds = `cast(json_extract(item_json, '$.` + dynamo.TTL + `.N') as INTEGER)`

// indexExpiry adds an index to the database of the local engine with which hasExpired
// finds items.
func indexExpiry(ctx context.Context, file, table string) error {
	return changeEngine(ctx, file, "index the engine's items by their expiry",
		fmt.Sprintf(`create index if not exists "_expiry_of_%[1]s" on "%[1]s" (%[2]s) where %[2]s is not null`, table, ttlSeconds))
}

// hasExpired reports whether an item of a table has expired. The engine goes on to answer
// meanwhile. It fails without the index, because it would look at every item.
func hasExpired(ctx context.Context, file, table string, now time.Time) (bool, error) {
	return stepEngine(ctx, file, "look for expired items of the engine",
		fmt.Sprintf(`select 1 from "%[1]s" indexed by "_expiry_of_%[1]s" where %[2]s <= cast(? as INTEGER) limit 1`, table, ttlSeconds), strconv.FormatInt(now.Unix(), 10))
}

// changeEngine runs a statement on the database file of a local engine, which may be
// running.
func changeEngine(ctx context.Context, file, what, sql string, values ...string) error {
	_, err := stepEngine(ctx, file, what, sql, values...)
	return err
}

// stepEngine is changeEngine, and reports whether the statement returns a row.
func stepEngine(ctx context.Context, file, what, sql string, values ...string) (row bool, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("%s: %w", what, err)
		}
	}()
	c, err := sqlite3.OpenFlags(file, sqlite3.OPEN_READWRITE)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	c.SetInterrupt(ctx)
	if err := c.BusyTimeout(5 * time.Second); err != nil {
		return false, err
	}
	statement, _, err := c.Prepare(sql)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, statement.Close()) }()
	for i, value := range values {
		if err := statement.BindText(i+1, value); err != nil {
			return false, err
		}
	}
	row = statement.Step()
	return row, statement.Err()
}
