package apitest

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/dynamo/stream"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

const (
	selfHistoryPath = selfPath + "/usage"
	keyHistoryPath  = "/api/usage/token/history"
)

// histories tests what is answered before anything is folded, and what is refused.
func histories(t *testing.T, target *Target) {
	u := target.User(t, token.RoleUser)
	made, b := u.keyCaller(t, `{"name":"a","unlimited_quota":true}`)
	path := tokenPath(made.ID) + "/usage"
	empty := wantData[wire.UsageHistory](t, u.Do(t, http.MethodGet, path, ""), http.StatusOK)
	if days := (empty.To - empty.From) / 86_400; days != 30 || empty.By != "day" || empty.From%86_400 != 0 || empty.Complete == nil || !*empty.Complete || *empty.BehindSeconds != 0 {
		t.Errorf("got %+v, want 30 complete days", empty)
	}
	now := time.Now().Unix()
	for _, tt := range []struct{ query, message string }{
		{"by=week", "by must be hour, day or model."},
		{"by=token", "by must be hour, day or model."},
		{"from=yesterday", "from must be Unix seconds, a date such as 2026-11-01, or a time such as 2026-11-01T12:00:00Z."},
		{"to=", "to must be Unix seconds, a date such as 2026-11-01, or a time such as 2026-11-01T12:00:00Z."},
		{fmt.Sprint("from=", now, "&to=", now), "from must be before to, which is not included."},
		{"from=0", "from must be at most 400 days ago, because a history is kept that long."},
		{"to=9999999999999999999", "to must be at most 31 days from now."},
		{fmt.Sprint("by=hour&from=", now-40*86_400), "by can be hour for up to 31 days: ask for fewer, or for day."},
		{"from=%zz", "the query string can't be read: percent-encode characters such as % and ;."},
	} {
		for _, suffix := range []string{"", ".csv"} {
			wantFailure(t, u.Do(t, http.MethodGet, path+suffix+"?"+tt.query, ""), 400, "invalid_parameter", tt.message)
		}
		wantFailure(t, b.do(t, http.MethodGet, keyHistoryPath+"?"+tt.query, ""), 400, "invalid_parameter", tt.message)
	}
	for _, tt := range []struct{ query, message string }{
		{"by=hour", "by must be token, day, model or token,day."},
		{"by=token,day", "ids must say for which tokens if by is token,day."},
		{"ids=", "ids must be 1 to 100 different ids of tokens, with commas between them."},
		{"ids=1,0", "ids must be 1 to 100 different ids of tokens, with commas between them."},
		{"ids=1,2,1", "ids must be 1 to 100 different ids of tokens, with commas between them."},
		{"ids=" + numbersTo(101), "ids must be 1 to 100 different ids of tokens, with commas between them."},
		{"ids=" + numbersTo(34), "ids must be fewer, or for fewer days: up to 1000 days of a token at once."},
		{"ids=1&after=0.0-0", "after can't be given with ids, for which the answer is whole."},
		{"after=x", "after must be the next of an answer for the same from, to and by."},
		{"after=", "after must be the next of an answer for the same from, to and by."},
	} {
		wantFailure(t, u.Do(t, http.MethodGet, selfHistoryPath+"?"+tt.query, ""), 400, "invalid_parameter", tt.message)
	}
	wantData[wire.UsageHistory](t, u.Do(t, http.MethodGet, selfHistoryPath+"?ids="+numbersTo(33), ""), http.StatusOK)
	wantFailure(t, u.Do(t, http.MethodGet, tokenPath(77)+"/usage", ""), 404, "token_not_found", noSuchToken)
	wantFailure(t, u.Do(t, http.MethodGet, tokenPath(0)+"/usage.csv", ""), 400, "invalid_parameter", "id must be an integer between 1 and 9007199254740991.")
	for _, path := range []string{path, path + ".csv", selfHistoryPath, selfHistoryPath + ".csv", "/api/data/self", "/api/log/self"} {
		wantFailure(t, target.Do(t, http.MethodGet, path, ""), 401, "unauthorized", nothingSent)
		wantFailure(t, b.do(t, http.MethodGet, path, ""), 401, "unauthorized", keyNotAccess)
		wantFailure(t, u.Do(t, http.MethodPost, path, "{}"), 405, "method_not_allowed", "Method not allowed for this path. Use one of GET, HEAD.")
	}
	wantFailure(t, target.Do(t, http.MethodGet, keyHistoryPath, ""), 401, "unauthorized", "No key. Send the header Authorization: Bearer, followed by the sk- key.")
	u.put(t, fmt.Sprintf(`{"id":%d,"status":2}`, made.ID))
	wantFailure(t, b.do(t, http.MethodGet, keyHistoryPath, ""), 401, "unauthorized", "The key is disabled. Ask its owner to enable it.")
}

// numbersTo returns the numbers from 1 to n, with commas between them.
func numbersTo(n int) string {
	all := make([]string, n)
	for i := range all {
		all[i] = strconv.Itoa(i + 1)
	}
	return strings.Join(all, ",")
}

// A folding is a target whose changes are folded when the test says so.
type folding struct {
	*Target
	kit    *dynamotest.Kit
	reader *stream.Reader
}

func (f *folding) fold(t testing.TB) {
	t.Helper()
	records, err := f.reader.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if done, err := f.kit.Store.Fold(t.Context(), records, time.Now().Unix()); err != nil || done.Unreadable != 0 {
		t.Fatalf("got %+v, %v", done, err)
	}
}

// RunHistory charges keys over HTTP, folds the stream in this process, and reads the
// histories.
func RunHistory(t *testing.T) {
	target, kit := Serve(t)
	if err := dynamo.SetStream(t.Context(), kit.Client, dynamotest.Table, true); err != nil {
		t.Fatal(err)
	}
	f := &folding{target, kit, stream.New(kit.Client, dynamotest.Table)}
	for name, run := range map[string]func(*testing.T, *folding){
		"token": tokenHistory, "user": userHistory, "csv": historyCSV, "family": familyHistory, "pace": historyPace,
	} {
		t.Run(name, func(t *testing.T) { run(t, f) })
	}
}

// spend charges a key for a model.
func (b keyCaller) spend(t testing.TB, model string, units int) {
	t.Helper()
	text := fmt.Sprintf(`{"quota":%d}`, units)
	if model != "" {
		text = fmt.Sprintf(`{"model":%q,"quota":%d}`, model, units)
	}
	wantSame(t, b.verify(t, text).Valid, true)
}

// byModel returns the units of each row's model.
func byModel(h wire.UsageHistory) map[string]int64 {
	all := map[string]int64{}
	for _, row := range h.Rows {
		if row.Model != nil {
			all[*row.Model] += row.Units
		}
	}
	return all
}

// The owner of a token, also of a deleted one, and whoever has its key see the same.
// The answer says when charges are missing.
func tokenHistory(t *testing.T, f *folding) {
	u := f.User(t, token.RoleUser)
	made, b := u.keyCaller(t, `{"name":"a","unlimited_quota":true}`)
	b.spend(t, "gpt-5", 10)
	wantSame(t, b.verify(t, `{"model":"gpt-5","usage":{"input_tokens":70,"output_tokens":30,"cache_read_tokens":5,"reasoning_tokens":20}}`).Valid, true)
	path := tokenPath(made.ID) + "/usage"
	before := wantData[wire.UsageHistory](t, u.Do(t, http.MethodGet, path, ""), http.StatusOK)
	if *before.Complete || len(before.Rows) != 0 {
		t.Errorf("before the fold: got %+v, want an incomplete answer", before)
	}
	f.fold(t)
	b.spend(t, "", 7)
	late := wantData[wire.UsageHistory](t, u.Do(t, http.MethodGet, path, ""), http.StatusOK)
	if *late.Complete || late.Total.Units != 115 || late.BehindSeconds == nil || late.MeasuredAt == 0 {
		t.Errorf("behind: got %+v, want 115 units, and how far it is behind", late)
	}
	f.fold(t)
	for _, by := range []string{"hour", "day", "model"} {
		got := wantData[wire.UsageHistory](t, u.Do(t, http.MethodGet, path+"/?by="+by, ""), http.StatusOK)
		if diff := cmp.Diff(map[string]int64{"gpt-5": 115, "": 7}, byModel(got)); diff != "" || !*got.Complete || *got.BehindSeconds != 0 || got.By != by {
			t.Errorf("by %s: got %+v, differs in %s", by, got, diff)
		}
		want := wire.UsageSums{Requests: 3, Units: 122, Dollars: "0", InputTokens: 70, OutputTokens: 30, CacheReadTokens: 5, ReasoningTokens: 20}
		wantSame(t, got.Total, want)
		wantSame(t, wantData[wire.UsageHistory](t, b.do(t, http.MethodGet, keyHistoryPath+"?by="+by, ""), http.StatusOK), got)
		for _, row := range got.Rows {
			length := map[string]int64{"hour": 3_600, "day": 86_400}[by]
			if (row.Start != nil) != (length != 0) || row.Start != nil && (*row.Start%length != 0 || *row.Start > time.Now().Unix()) {
				t.Errorf("by %s: got start %v", by, row.Start)
			}
		}
	}
	today := time.Now().UTC().Format(time.DateOnly)
	wantSame(t, wantData[wire.UsageHistory](t, u.Do(t, http.MethodGet, path+"?to="+today, ""), http.StatusOK).Total.Units, 0)
	wantSame(t, wantData[wire.UsageHistory](t, u.Do(t, http.MethodGet, path+"?from="+today+"T00:00:00Z", ""), http.StatusOK).Total.Units, 122)
	if err := u.Delete(t.Context(), made.ID); err != nil {
		t.Fatal(err)
	}
	gone := wantData[wire.UsageHistory](t, u.Do(t, http.MethodGet, path, ""), http.StatusOK)
	wantSame(t, []any{gone.Total.Units, *gone.Complete}, []any{122, false})
	wantFailure(t, b.do(t, http.MethodGet, keyHistoryPath, ""), 401, "unauthorized", "The key is not valid. Check that it is complete; it may have been deleted.")
	wantFailure(t, f.User(t, token.RoleUser).Do(t, http.MethodGet, path, ""), 404, "token_not_found", noSuchToken)
}

// A user sees all of its tokens, deleted ones with their last name, and nobody else's.
func userHistory(t *testing.T, f *folding) {
	u, other := f.User(t, token.RoleUser), f.User(t, token.RoleUser)
	first, a := u.keyCaller(t, `{"name":"old name","unlimited_quota":true}`)
	_, b := u.keyCaller(t, `{"name":"b","unlimited_quota":true}`)
	_, c := other.keyCaller(t, `{"name":"c","unlimited_quota":true}`)
	a.spend(t, "m", 10)
	u.put(t, fmt.Sprintf(`{"id":%d,"name":"new name"}`, first.ID))
	a.spend(t, "m", 20)
	b.spend(t, "n", 40)
	c.spend(t, "m", 80)
	f.fold(t)
	if err := u.Delete(t.Context(), first.ID); err != nil {
		t.Fatal(err)
	}
	get := func(query string) wire.UsageHistory {
		return wantData[wire.UsageHistory](t, u.Do(t, http.MethodGet, selfHistoryPath+query, ""), http.StatusOK)
	}
	got := get("?by=token")
	wantSame(t, got.Rows, []wire.UsageRow{
		{TokenID: new(int64(2)), Name: new("b"), UsageSums: wire.UsageSums{Requests: 1, Units: 40, Dollars: "0"}},
		{TokenID: new(int64(1)), Name: new("new name"), UsageSums: wire.UsageSums{Requests: 2, Units: 30, Dollars: "0"}},
	})
	if got.Complete != nil || got.Next != "" || got.MeasuredAt == 0 {
		t.Errorf("got %+v, want one page that says when it was measured", got)
	}
	for _, query := range []string{"", "/?by=model"} {
		if diff := cmp.Diff(map[string]int64{"m": 30, "n": 40}, byModel(get(query))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", query, diff)
		}
	}
	wantSame(t, len(get("?after=0.1-0").Rows), 2) // the group of both tokens, from its begin
	today := time.Now().Unix() / 86_400 * 86_400
	some := get("?by=token,day&ids=1,3")
	wantSame(t, some.Rows, []wire.UsageRow{
		{Start: &today, TokenID: new(int64(1)), Name: new("new name"), UsageSums: wire.UsageSums{Requests: 2, Units: 30, Dollars: "0"}},
	})
	if some.By != "token,day" || some.Next != "" || some.MeasuredAt == 0 {
		t.Errorf("got %+v, want one page that says when it was measured", some)
	}
	wantSame(t, byModel(get("?by=model&ids=2")), map[string]int64{"n": 40})
}

// A history as CSV has the same rows, and a spreadsheet takes no name for a formula.
func historyCSV(t *testing.T, f *folding) {
	u := f.User(t, token.RoleUser)
	names := []string{"=1+1", "+a", "-a", "@SUM(A1)", "'quoted", `say "hi", then`, "plain", "ü 漢"}
	for i, name := range names {
		_, b := u.keyCaller(t, fmt.Sprintf(`{"name":%q,"unlimited_quota":true}`, name))
		b.spend(t, name, i+1)
	}
	f.fold(t)
	read := func(path string) [][]string {
		got := u.Do(t, http.MethodGet, path, "")
		if kind := got.Header.Get("Content-Type"); got.Status != http.StatusOK || kind != "text/csv; charset=utf-8; header=present" {
			t.Fatalf("%s: got %d %s", path, got.Status, kind)
		}
		if strings.Count(got.Body, "\n") != strings.Count(got.Body, "\r\n") {
			t.Errorf("%s: lines don't end as RFC 4180 says", path)
		}
		records, err := csv.NewReader(strings.NewReader(got.Body)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		wantSame(t, records[0], wire.HistoryCSVHeader())
		return records[1:]
	}
	plain := func(cell string) string {
		if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
			t.Errorf("a cell begins like a formula: %s", cell)
		}
		return strings.TrimPrefix(cell, "'")
	}
	for i, record := range read(selfHistoryPath + ".csv?by=token") {
		id := len(names) - i
		wantSame(t, []string{record[0], record[1], record[2], plain(record[3]), record[4], record[5], record[6]}, []string{"", "", strconv.Itoa(id), names[id-1], "1", strconv.Itoa(id), "0"})
	}
	day := time.Now().UTC().Format(time.DateOnly) + "T00:00:00Z"
	for id, name := range names {
		records := read(tokenPath(int64(id+1)) + "/usage.csv")
		wantSame(t, len(records), 1)
		wantSame(t, []string{records[0][0], plain(records[0][1]), records[0][2], records[0][5]}, []string{day, name, "", strconv.Itoa(id + 1)})
	}
}

// Clients of New API get days in place of hours and of single requests.
func familyHistory(t *testing.T, f *folding) {
	u := f.User(t, token.RoleUser)
	_, a := u.keyCaller(t, `{"name":"a","unlimited_quota":true}`)
	_, b := u.keyCaller(t, `{"name":"b","unlimited_quota":true}`)
	wantSame(t, a.verify(t, `{"model":"m","usage":{"input_tokens":70,"output_tokens":30,"cache_read_tokens":5}}`).Valid, true)
	b.spend(t, "m", 5)
	b.spend(t, "n", 6)
	f.fold(t)
	now := time.Now().Unix()
	day := now / 86_400 * 86_400
	times := fmt.Sprintf("?start_timestamp=%d&end_timestamp=%d", now-7*86_400, now+3_600)
	data := wantData[[]wire.FamilyData](t, u.Do(t, http.MethodGet, "/api/data/self"+times+"&default_time=hour", ""), http.StatusOK)
	wantSame(t, data, []wire.FamilyData{
		{UserID: u.ID, ModelName: "m", CreatedAt: day, TokenUsed: 105, Count: 2, Quota: 110},
		{UserID: u.ID, ModelName: "n", CreatedAt: day, Count: 1, Quota: 6},
	})
	logs := func(query string) wire.FamilyLogs {
		return wantData[wire.FamilyLogs](t, u.Do(t, http.MethodGet, "/api/log/self"+query, ""), http.StatusOK)
	}
	all := logs(times + "&p=1&page_size=2&type=0&token_name=&model_name=&group=")
	wantSame(t, []any{all.Page, all.PageSize, all.Total, len(all.Items)}, []any{1, 2, 3, 2})
	wantSame(t, logs(times + "&p=2&page_size=2").Items[0].ID, 3)
	wantSame(t, logs("?type=2&token_name=a").Items, []wire.FamilyLog{{
		ID: 1, CreatedAt: day, Type: wire.FamilyLogConsume, Content: "1 requests", TokenID: 1, TokenName: "a", ModelName: "m", Quota: 105, PromptTokens: 75, CompletionTokens: 30,
	}})
	for _, query := range []string{"?type=5", "?model_name=other", "?group=vip", "?p=9", "?request_id=x", "?keyword=x"} {
		wantSame(t, len(logs(query).Items), 0)
	}
	wantFailure(t, u.Do(t, http.MethodGet, "/api/data/self?start_timestamp=x", ""), 400, "invalid_parameter", "start_timestamp must be Unix seconds.")
	for _, query := range []string{"?start_timestamp=1795700000&end_timestamp=1795600000", fmt.Sprint("?start_timestamp=", now+86_400)} {
		wantFailure(t, u.Do(t, http.MethodGet, "/api/log/self"+query, ""), 400, "invalid_parameter", "start_timestamp must not be after end_timestamp or in the future.")
	}
	wantFailure(t, u.Do(t, http.MethodGet, "/api/data/self?start_timestamp=1", ""), 400, "invalid_parameter", "start_timestamp must be at most 400 days ago, because a history is kept that long.")
}

// Pages of a user's history count as searches.
func historyPace(t *testing.T, f *folding) {
	u := f.User(t, token.RoleUser)
	made := u.make(t, `{"name":"a"}`)
	if _, err := f.Users.SetLimits(t.Context(), u.Name, func(l *token.Limits) { *l = token.Limits{ChangesPerSecond: 1, ChangeBurst: 5} }); err != nil {
		t.Fatal(err)
	}
	u.Do(t, http.MethodPost, batchStatusPath, idList(1, `,"status":2`)) // 100 changes
	for _, path := range []string{selfHistoryPath, selfHistoryPath + ".csv", selfHistoryPath + "?ids=1", "/api/data/self", "/api/log/self"} {
		wantFailure(t, u.Do(t, http.MethodGet, path, ""), http.StatusTooManyRequests, "rate_limited", tooFast)
	}
	wantData[wire.UsageHistory](t, u.Do(t, http.MethodGet, tokenPath(made.ID)+"/usage", ""), http.StatusOK)
}
