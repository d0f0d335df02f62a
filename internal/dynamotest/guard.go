package dynamotest

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
)

// A Statement allows actions, such as dynamodb:GetItem, on the partitions of
// patterns, such as P and T#*, as a statement of an IAM policy does.
type Statement struct{ Actions, Partitions []string }

// A Guard passes requests on to an engine as AWS does for a role: it refuses each
// request that needs an action on partitions that no statement of the role allows.
type Guard struct {
	URL string

	allowed []Statement
	mu      sync.Mutex
	used    map[string]bool
	refused map[string]bool
}

// NewGuard starts a Guard in front of the engine at endpoint, for a role with
// these statements and no others.
func NewGuard(t testing.TB, endpoint string, allowed []Statement) *Guard {
	t.Helper()
	target, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	g := &Guard{allowed: allowed, used: map[string]bool{}, refused: map[string]bool{}}
	proxy := httputil.NewSingleHostReverseProxy(target)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if missing := g.check(r); missing != "" {
			w.Header().Set("Content-Type", "application/x-amz-json-1.0")
			w.WriteHeader(http.StatusBadRequest)
			_ = json.NewEncoder(w).Encode(map[string]string{ // the caller may have gone
				"__type": "com.amazon.coral.service#AccessDeniedException", "Message": "not authorized to perform: " + missing,
			})
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	g.URL = server.URL
	return g
}

// Refused returns the rights, such as "dynamodb:GetItem on T#1#0", that requests
// needed and the role does not have.
func (g *Guard) Refused() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Sorted(maps.Keys(g.refused))
}

// Unused returns the rights of the role, such as "dynamodb:GetItem on T#*", that no
// request needed: each read of a statement on each of its patterns. Of writes, each
// action must have been needed on a pattern, and each pattern for an action, because
// a role has all its writes on all partitions that it writes.
func (g *Guard) Unused() (unused []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, s := range g.allowed {
		for _, action := range s.Actions {
			for _, pattern := range s.Partitions {
				if !g.used[rightTo(action, pattern)] && (!isWrite(action) || !g.wrote(s, action, pattern)) {
					unused = append(unused, rightTo(action, pattern))
				}
			}
		}
	}
	return unused
}

// wrote reports whether a write was used on another pattern of its statement, and
// the pattern by another write.
func (g *Guard) wrote(s Statement, action, pattern string) bool {
	return slices.ContainsFunc(s.Partitions, func(other string) bool { return g.used[rightTo(action, other)] }) &&
		slices.ContainsFunc(s.Actions, func(other string) bool { return isWrite(other) && g.used[rightTo(other, pattern)] })
}

func isWrite(action string) bool {
	return action == "dynamodb:PutItem" || action == "dynamodb:UpdateItem" || action == "dynamodb:DeleteItem"
}

func rightTo(action, partition string) string { return action + " on " + partition }

// check records the rights that a request needs. It returns one that the role does
// not have, or "".
func (g *Guard) check(r *http.Request) (missing string) {
	content, err := io.ReadAll(r.Body)
	if err != nil {
		return "a request that can be read"
	}
	r.Body = io.NopCloser(bytes.NewReader(content))
	_, operation, ok := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	if !ok {
		return "" // no operation: a process opens its connection
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	calls := callsOf(operation, content)
	for _, c := range calls {
		patterns, ok := g.allows(c)
		for _, pattern := range patterns {
			g.used[rightTo(c.action, pattern)] = true
		}
		whole := call{action: c.action} // if AWS compares all keys of a transaction with each of its actions
		for _, part := range calls {
			whole.partitions = append(whole.partitions, part.partitions...)
		}
		if ok {
			c = whole
			_, ok = g.allows(c)
		}
		if !ok {
			missing = rightTo(c.action, strings.Join(c.partitions, ", "))
			g.refused[missing] = true
		}
	}
	return missing
}

// allows reports whether one statement allows a call on all its partitions, and
// returns the patterns that match them. A call on partitions of two statements is
// refused.
func (g *Guard) allows(c call) (patterns []string, ok bool) {
	for _, s := range g.allowed {
		if !slices.Contains(s.Actions, c.action) {
			continue
		}
		patterns = nil
		for _, partition := range c.partitions {
			if i := slices.IndexFunc(s.Partitions, func(pattern string) bool { return covers(pattern, partition) }); i >= 0 {
				patterns = append(patterns, s.Partitions[i])
			}
		}
		if len(patterns) == len(c.partitions) {
			return patterns, true
		}
	}
	return nil, false
}

func covers(pattern, partition string) bool {
	prefix, many := strings.CutSuffix(pattern, "*")
	return partition == prefix || many && strings.HasPrefix(partition, prefix)
}

// A call is an action on the partitions that AWS compares with the condition
// dynamodb:LeadingKeys of one statement.
type call struct {
	action     string
	partitions []string
}

// callsOf returns the calls of a request. A transaction is one for each of its
// parts; there is no action of the transaction itself. check also compares the keys of
// all parts, because AWS does not say that it compares them one by one.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html
func callsOf(operation string, content []byte) (calls []call) {
	const prefix = "dynamodb:"
	if operation != "TransactWriteItems" && operation != "TransactGetItems" {
		return []call{{prefix + operation, partitionsOf(content)}}
	}
	var in struct{ TransactItems []map[string]json.RawMessage }
	if err := json.Unmarshal(content, &in); err != nil {
		return []call{{prefix + operation, nil}}
	}
	for _, part := range in.TransactItems {
		for kind, content := range part { // Put, Update, Delete, ConditionCheck or Get
			calls = append(calls, call{prefix + kind + "Item", partitionsOf(content)})
		}
	}
	return calls
}

// partitionsOf returns the partitions of a request: the values of each key or item
// in it, and of the condition of a query.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
func partitionsOf(content []byte) (partitions []string) {
	var request any
	if err := json.Unmarshal(content, &request); err != nil {
		return []string{"of a request that can't be read"}
	}
	var walk func(value any)
	walk = func(value any) {
		switch v := value.(type) {
		case []any:
			for _, element := range v {
				walk(element)
			}
		case map[string]any:
			for name, element := range v {
				text, _ := element.(map[string]any)
				if partition, ok := text["S"].(string); ok && (name == "pk" || name == ":partition") {
					partitions = append(partitions, partition)
					continue
				}
				walk(element)
			}
		}
	}
	walk(request)
	return partitions
}
