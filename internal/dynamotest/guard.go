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

// A Guard passes requests on to an engine as AWS does for a role: it refuses
// each request that needs an action that the role does not allow, or an item of a
// partition that it does not allow.
type Guard struct {
	URL string

	allowed []string // actions, and partitions such as P and T#*
	mu      sync.Mutex
	used    map[string]bool
	refused map[string]bool
}

// NewGuard starts a Guard in front of the engine at endpoint. The role allows
// these actions, such as dynamodb:GetItem, on the table, and no others. What is no
// action is a partition that it allows, or the beginning of some, such as T#*.
// Without any, it allows all.
func NewGuard(t testing.TB, endpoint string, allowed []string) *Guard {
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

// Refused returns the actions and partitions that requests needed and the role
// does not allow.
func (g *Guard) Refused() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Sorted(maps.Keys(g.refused))
}

// Unused returns the actions and partitions that the role allows and no request
// needed.
func (g *Guard) Unused() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(g.allowed), func(action string) bool { return g.used[action] })
}

// check records the actions and partitions that a request needs. It returns one
// that the role does not allow, or "".
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
	for _, action := range actionsOf(operation, content) {
		switch {
		case slices.Contains(g.allowed, action):
			g.used[action] = true
		default:
			g.refused[action] = true
			missing = action
		}
	}
	if !slices.ContainsFunc(g.allowed, isPartition) {
		return missing
	}
	for _, partition := range partitionsOf(content) {
		i := slices.IndexFunc(g.allowed, func(p string) bool { return isPartition(p) && covers(p, partition) })
		if i < 0 {
			g.refused[partition] = true
			missing = "partition " + partition
			continue
		}
		g.used[g.allowed[i]] = true
	}
	return missing
}

func isPartition(allowed string) bool { return !strings.HasPrefix(allowed, "dynamodb:") }

func covers(pattern, partition string) bool {
	prefix, many := strings.CutSuffix(pattern, "*")
	return partition == prefix || many && strings.HasPrefix(partition, prefix)
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

// actionsOf returns the actions that a request needs. A transaction needs those
// of its parts; there is no action of the transaction itself.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html
func actionsOf(operation string, content []byte) (actions []string) {
	const prefix = "dynamodb:"
	if operation != "TransactWriteItems" && operation != "TransactGetItems" {
		return []string{prefix + operation}
	}
	var in struct{ TransactItems []map[string]json.RawMessage }
	if err := json.Unmarshal(content, &in); err != nil {
		return []string{prefix + operation}
	}
	for _, part := range in.TransactItems {
		for kind := range part { // Put, Update, Delete, ConditionCheck or Get
			actions = append(actions, prefix+kind+"Item")
		}
	}
	return actions
}
