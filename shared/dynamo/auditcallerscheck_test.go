package dynamo_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/event"
	"github.com/latchkey-api/latchkey/shared/history"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/webhook"
)

// check compares the audit trails with the records and the outcomes. It returns how
// many entries there are.
func (c *auditCalls) check(t *testing.T, records []dynamo.StreamRecord) (all int) {
	t.Helper()
	items := map[string][]history.Entry{} // by item, oldest first
	requests := map[string][]string{}     // the items, by request id
	for uid := range int64(3) {
		for _, e := range c.trail(t, uid, 0) {
			if e.Action == history.UserCreated {
				continue
			}
			all++
			item := itemOf(e)
			items[item] = append(items[item], e)
			if e.RequestID == "" {
				continue // by the service
			}
			if slices.Contains(requests[e.RequestID], item) {
				t.Errorf("a second entry of a request: %+v", e)
			}
			requests[e.RequestID] = append(requests[e.RequestID], item)
		}
	}
	for request, o := range c.made {
		switch got := len(requests[request]); {
		case o.refused && got > 0 || o.err == nil && o.entries > 0 && got != o.entries:
			t.Errorf("%s: got the entries %v, want %d after %v", request, requests[request], o.entries, o.err)
		case o.err != nil && o.entries == 2 && got == 1:
			t.Errorf("%s: got the entry %v of one of two tokens", request, requests[request])
		}
	}
	settings := map[string]string{}
	for item, entries := range items {
		slices.SortFunc(entries, func(a, b history.Entry) int { return cmp.Compare(a.ID[13:23], b.ID[13:23]) }) // by revision: the clocks of the callers stand still
		c.checkChain(t, item, entries, settings)
	}
	c.checkSettings(t, settings)
	want := revisions(records)
	for item, n := range want {
		got := len(items[item])
		if uid, ok := strings.CutSuffix(item, "user"); ok {
			got += len(items[uid+"policy"]) + len(items[uid+"budget"])
		}
		if got != n {
			t.Errorf("%s: got %d entries, want %d, one for each revision", item, got, n)
		}
	}
	for item, entries := range items {
		if strings.HasSuffix(item, "token") && want[item] == 0 {
			t.Errorf("%s: got %+v, want no entry", item, entries)
		}
	}
	c.checkHooks(t, items)
	checkChangeEvents(t, records, items)
	return all
}

// checkChangeEvents checks that a receiver that drops repeated ids gets one event for
// each entry about a token, and no other, however often the records come.
func checkChangeEvents(t *testing.T, records []dynamo.StreamRecord, items map[string][]history.Entry) {
	t.Helper()
	got, want := map[string]int{}, map[string]int{}
	ids := map[string]bool{}
	for _, r := range slices.Concat(records, records) {
		events, err := dynamo.EventsOf(r)
		if err != nil {
			t.Error(err)
		}
		for _, e := range events {
			var data event.Change
			if err := json.Unmarshal(e.Data, &data); err != nil {
				t.Error(err)
			}
			if data.Action != "" && !ids[e.ID] {
				got[fmt.Sprintf("%d/%d %s", data.UserID, data.TokenID, data.Action)]++
			}
			ids[e.ID] = true
		}
	}
	for item, entries := range items {
		if at, ok := strings.CutSuffix(item, "token"); ok {
			for _, e := range entries {
				want[at+" "+e.Action]++
			}
		}
	}
	if !maps.Equal(got, want) {
		t.Errorf("got the events %v, want %v", got, want)
	}
}

// itemOf names the item that an entry is about.
func itemOf(e history.Entry) string {
	kind, _, _ := strings.Cut(e.Action, ".")
	return subject(token.Address{UserID: e.UserID, ID: max(e.TokenID, e.WebhookID)}) + kind // one of them is 0
}

// checkChain checks that each entry of an item begins with what the one before it left.
func (c *auditCalls) checkChain(t *testing.T, item string, entries []history.Entry, settings map[string]string) {
	t.Helper()
	for i, e := range entries {
		kind, what, _ := strings.Cut(e.Action, ".")
		if ends := what == "deleted" || what == "purged"; ends && i < len(entries)-1 {
			t.Errorf("%s: got changes after %+v", item, e)
		}
		if begins := what == "created" || what == "imported"; kind != "user" && begins != (i == 0) && (kind == "token" || kind == "webhook") {
			t.Errorf("%s: got entry %d %+v", item, i, e)
		}
		for _, change := range e.Changes {
			name := item + change.Setting
			if was, known := settings[name]; known && was != string(change.Before) {
				t.Errorf("%s was %s before %+v", name, was, e)
			}
			settings[name] = string(change.After)
		}
	}
}

// revisions counts the revisions in the records of each item that has versions, and the
// deletions, by the items' own attributes.
func revisions(records []dynamo.StreamRecord) map[string]int {
	all := map[string]int{}
	version := func(it dynamo.Item) string {
		n, _ := it["version"].(*types.AttributeValueMemberN)
		return cmp.Or(n, &types.AttributeValueMemberN{}).Value
	}
	for _, r := range records {
		_, wasRevoked := r.Before["killed"]
		_, isRevoked := r.After["killed"]
		parts := strings.Split(r.Partition, "#")
		switch {
		case parts[0] == "T" && r.Event == "REMOVE" && !wasRevoked, isRevoked && !wasRevoked,
			parts[0] == "T" && r.Event != "REMOVE" && version(r.Before) != version(r.After):
			all[parts[1]+"/"+r.Number+"token"]++
		case parts[0] == "U" && r.Number == "0" && version(r.Before) != version(r.After):
			all[parts[1]+"/0user"]++ // also of policies and budgets
		case r.Partition == "P":
			all["0/0prices"]++
		}
	}
	return all
}

// checkHooks compares what the entries say of webhooks with those that are stored.
func (c *auditCalls) checkHooks(t *testing.T, items map[string][]history.Entry) {
	t.Helper()
	stored := map[string]webhook.Endpoint{}
	for uid := range int64(3) {
		found, _, err := c.Store.EndpointsOf(t.Context(), uid)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range found {
			stored[subject(token.Address{UserID: uid, ID: e.ID})+"webhook"] = e
			if name := subject(token.Address{UserID: uid, ID: e.ID}) + "webhook"; len(items[name]) == 0 {
				t.Errorf("%s: got no entries", name)
			}
		}
	}
	for item, entries := range items {
		if !strings.HasSuffix(item, "webhook") {
			continue
		}
		last := entries[len(entries)-1]
		if _, there := stored[item]; there == (last.Action == history.WebhookDeleted) {
			t.Errorf("%s: got %+v at last, and that it is stored: %t", item, last, there)
		}
	}
}
