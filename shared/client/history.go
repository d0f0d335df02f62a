package client

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/latchkey-api/latchkey/shared/wire"
)

// HistoryOptions choose a part of a history. The zero value is the last 30 days by
// day and model.
type HistoryOptions struct {
	From, To string  // Unix seconds, a date such as 2026-11-01, or an RFC 3339 time; To is not included. "" is the default
	By       string  // hour (of a token), day, model, or token or token,day (of a user); "" means day
	IDs      []int64 // of a user: only these tokens, up to 100, and up to 1,000 days of a token; needed by token,day
	After    string  // of a user: UsageHistory.Next of the previous page
}

func (o HistoryOptions) query() string {
	query := url.Values{}
	for name, value := range map[string]string{"from": o.From, "to": o.To, "by": o.By, "after": o.After} {
		if value != "" {
			query.Set(name, value)
		}
	}
	if o.IDs != nil {
		texts := make([]string, len(o.IDs))
		for i, id := range o.IDs {
			texts[i] = strconv.FormatInt(id, 10)
		}
		query.Set("ids", strings.Join(texts, ","))
	}
	return "?" + query.Encode()
}

// History returns what a token was used for, also if it was deleted. If the user
// never had such a token, the error is wire.ErrTokenNotFound.
func (c *Client) History(ctx context.Context, id int64, o HistoryOptions) (wire.UsageHistory, error) {
	return call[wire.UsageHistory](ctx, c.manage(http.MethodGet, tokenPath(id)+"/usage"+o.query(), nil, nil))
}

// SelfHistory returns a page of what the user's tokens were used for. It counts as a
// search; see SelfHistoryPages.
func (c *Client) SelfHistory(ctx context.Context, o HistoryOptions) (wire.UsageHistory, error) {
	return call[wire.UsageHistory](ctx, c.readPath(wire.SelfHistoryPath+o.query()))
}

// SelfHistoryPages iterates over the pages of SelfHistory, from o.After on. Their
// rows add up. After an error it ends.
func (c *Client) SelfHistoryPages(ctx context.Context, o HistoryOptions) iter.Seq2[wire.UsageHistory, error] {
	return func(yield func(wire.UsageHistory, error) bool) {
		for more := true; more; {
			page, err := c.SelfHistory(ctx, o)
			more = yield(page, err) && err == nil && page.Next != ""
			o.After = page.Next
		}
	}
}

// AllHistory returns the sum of the pages of SelfHistory. How far it is behind is as in
// the last page.
func (c *Client) AllHistory(ctx context.Context, o HistoryOptions) (sum wire.UsageHistory, err error) {
	first := true
	for page, err := range c.SelfHistoryPages(ctx, o) {
		switch {
		case err != nil:
			return sum, err
		case first:
			sum, first = page, false
		default:
			sum = sum.Plus(page)
		}
	}
	return sum, nil
}

// KeyHistory is History of the token of a key, which the key itself authenticates. If
// no token has the key, the error is wire.ErrUnauthorized.
func (c *Client) KeyHistory(ctx context.Context, key string, o HistoryOptions) (wire.UsageHistory, error) {
	return call[wire.UsageHistory](ctx, c.withKey(key, http.MethodGet, wire.KeyHistoryPath+o.query(), nil))
}

// HistoryCSV is History as CSV with a header row.
func (c *Client) HistoryCSV(ctx context.Context, id int64, o HistoryOptions) (string, error) {
	var csv text
	_, err := c.readPath(strings.Replace(wire.HistoryCSVPath, wire.IDParameter, strconv.FormatInt(id, 10), 1)+o.query()).send(ctx, &csv)
	return string(csv), err
}

// SelfHistoryCSV is SelfHistory as CSV with a header row. It returns the header Link,
// which leads to the next page.
func (c *Client) SelfHistoryCSV(ctx context.Context, o HistoryOptions) (csv, link string, err error) {
	var content text
	header, err := c.readPath(wire.SelfCSVPath+o.query()).send(ctx, &content)
	return string(content), header.Get("Link"), err
}

// FamilyData returns what the user's tokens were used for, by day and model, in the
// names of New API, between two Unix seconds; 0 is the default.
func (c *Client) FamilyData(ctx context.Context, from, to int64) ([]wire.FamilyData, error) {
	return call[[]wire.FamilyData](ctx, c.readPath(wire.FamilyDataPath+familyQuery(from, to, ListOptions{})))
}

// FamilyLog returns a page of FamilyData by token, too.
func (c *Client) FamilyLog(ctx context.Context, from, to int64, o ListOptions) (wire.FamilyLogs, error) {
	return call[wire.FamilyLogs](ctx, c.readPath(wire.FamilyLogPath+familyQuery(from, to, o)))
}

func familyQuery(from, to int64, o ListOptions) string {
	query := o.query()
	query.Set("start_timestamp", strconv.FormatInt(from, 10))
	query.Set("end_timestamp", strconv.FormatInt(to, 10))
	return "?" + query.Encode()
}

// A text is the body of an answer that is no JSON.
type text string
