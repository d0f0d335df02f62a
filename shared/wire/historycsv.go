package wire

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// HistoryCSVHeader is the header row of a history in CSV.
func HistoryCSVHeader() []string {
	return []string{
		"start", "model", "token_id", "name", "requests", "units", "dollars",
		"input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "cache_write_1h_tokens",
		"reasoning_tokens", "images", "audio_seconds",
	}
}

// WriteHistoryCSV writes rows of a history in CSV (RFC 4180), without the header
// row. A start is written as a time of UTC; what a row does not have is empty.
func WriteHistoryCSV(w io.Writer, rows []UsageRow) error {
	out := csv.NewWriter(w)
	out.UseCRLF = true
	for _, row := range rows {
		if err := out.Write(historyRecord(row)); err != nil {
			return fmt.Errorf("write CSV: %w", err)
		}
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return fmt.Errorf("write CSV: %w", err)
	}
	return nil
}

func historyRecord(row UsageRow) []string {
	var start, model, tokenID, name string
	if row.Start != nil {
		start = time.Unix(*row.Start, 0).UTC().Format(time.RFC3339)
	}
	if row.Model != nil {
		model = csvText(*row.Model)
	}
	if row.TokenID != nil {
		tokenID = strconv.FormatInt(*row.TokenID, 10)
	}
	if row.Name != nil {
		name = csvText(*row.Name)
	}
	record := []string{start, model, tokenID, name, strconv.FormatInt(row.Requests, 10), strconv.FormatInt(row.Units, 10), row.Dollars}
	for _, n := range []int64{
		row.InputTokens, row.OutputTokens, row.CacheReadTokens, row.CacheWriteTokens, row.CacheWrite1hTokens,
		row.ReasoningTokens, row.Images, row.AudioSeconds,
	} {
		record = append(record, strconv.FormatInt(n, 10))
	}
	return record
}

// csvText returns a text that no spreadsheet takes for a formula: one that begins
// with a character that can begin a formula, or with an apostrophe, gets an
// apostrophe before it. To read the text, remove one apostrophe at its begin.
func csvText(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r\n'", rune(s[0])) {
		return "'" + s
	}
	return s
}
