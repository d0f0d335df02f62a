package api_test

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/internal/openapitest"
	"github.com/latchkey-api/latchkey/shared/api"
	"github.com/latchkey-api/latchkey/shared/event"
	"github.com/latchkey-api/latchkey/shared/wire"
)

func document(t testing.TB) *openapitest.Document {
	t.Helper()
	d, err := openapitest.Load()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// object returns the value at a place of the document.
func object(t testing.TB, keys ...string) map[string]any {
	t.Helper()
	o, ok := document(t).At(keys...).(map[string]any)
	if !ok {
		t.Fatalf("the document has no object %s", strings.Join(keys, "/"))
	}
	return o
}

func wantEqual(t testing.TB, what string, got, want []string) {
	t.Helper()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%s: the document has %s\nthe code has     %s", what, strings.Join(got, " "), strings.Join(want, " "))
	}
}

// The document describes each route, and nothing else.
func TestOpenAPIRoutes(t *testing.T) {
	var got, want []string
	for _, o := range document(t).Operations() {
		got = append(got, o.ID+"="+o.Method+strings.TrimSuffix(o.Path, "/"))
	}
	for _, route := range api.Routes() {
		want = append(want, route.Name+"="+route.Method+route.Path)
	}
	wantEqual(t, "routes", got, want)
}

// wireTypes returns the wire types by the names of their schemas.
func wireTypes() map[string]any {
	return map[string]any{
		"Token": wire.Token{}, "NewToken": wire.Token{}, "TokenPage": wire.TokenPage{}, "NewTokens": wire.Tokens{}, "Result": wire.Result{},
		"Verdict": wire.Verdict{}, "Reservation": wire.Reservation{}, "Settlement": wire.Settlement{}, "Release": wire.Release{},
		"Usage": wire.Usage{}, "UsageAnswer": wire.UsageAnswer{}, "Failure": wire.Failure{},
		"TokenInput": wire.TokenInput{}, "UpdateInput": wire.UpdateInput{}, "TokensInput": wire.TokensInput{},
		"DeletionsInput": wire.IDsInput{}, "StatusesInput": wire.IDsInput{}, "RotateInput": wire.RotateInput{}, "ExtraInput": wire.ExtraInput{},
		"VerifyInput": wire.VerifyInput{}, "ReserveInput": wire.ReserveInput{},
		"SettlementInput": wire.HoldInput{}, "ReleaseInput": wire.HoldInput{}, "RevokeInput": wire.RevokeInput{},
		"Window": wire.Window{}, "Extra": wire.Extra{}, "LastUse": wire.LastUse{}, "Anchor": wire.Anchor{}, "ModelQuota": wire.ModelQuota{},
		"WindowInput": wire.WindowInput{}, "AnchorInput": wire.AnchorInput{}, "ModelQuotaInput": wire.ModelQuotaInput{},
		"UsageInput": wire.ModelUsage{}, "SystemStatus": wire.SystemStatus{}, "Self": wire.Self{}, "Group": wire.Group{}, "Budget": wire.Budget{},
		"Webhook": wire.Webhook{}, "NewWebhook": wire.NewWebhook{}, "WebhookInput": wire.WebhookInput{}, "WebhookAttempt": wire.WebhookAttempt{},
		"AuditPage": wire.AuditPage{}, "AuditEntry": wire.AuditEntry{}, "AuditChange": wire.AuditChange{},
		"KeysInput": wire.KeysInput{}, "ShownKey": wire.ShownKey{}, "ShownKeys": wire.ShownKeys{},
		"UsageHistory": wire.UsageHistory{}, "UsageRow": wire.UsageRow{}, "UsageSums": wire.UsageSums{},
		"FamilyData": wire.FamilyData{}, "FamilyLogs": wire.FamilyLogs{}, "FamilyLog": wire.FamilyLog{},
	}
}

// The document's schemas have the fields of the wire types, and no others.
func TestOpenAPISchemas(t *testing.T) {
	types := wireTypes()
	for name := range object(t, "components", "schemas") {
		t.Run(name, func(t *testing.T) {
			switch _, known := types[name]; {
			case known:
				checkType(t, name, reflect.TypeOf(types[name]), "components", "schemas", name)
			case strings.HasSuffix(name, "Answer"):
				checkEnvelope(t, name)
			case !slices.Contains([]string{"Code", "EventPattern", "Off", "OneHubSetting", "OneHubLimits", "OneHubModels", "OneHubAddresses"}, name):
				t.Error("the code has no such type: add it to wireTypes")
			}
			delete(types, name)
		})
	}
	if len(types) > 0 {
		t.Errorf("the document has no schema %v", slices.Collect(maps.Keys(types)))
	}
}

// The document describes the data of each type of event.
func TestOpenAPIEvents(t *testing.T) {
	types := map[event.Type]any{
		event.TokenCreated: event.Change{}, event.TokenUpdated: event.Change{}, event.TokenRotated: event.Change{}, event.TokenDisabled: event.Change{},
		event.TokenEnabled: event.Change{}, event.TokenDeleted: event.Change{}, event.TokenPurged: event.Change{},
		event.TokenExpiring: event.Expiring{}, event.TokenExpired: event.Expired{}, event.TokenQuotaLow: event.QuotaLow{},
		event.TokenExhausted: event.Exhausted{}, event.TokenRevived: event.Revived{}, event.TokenRateLimited: event.RateLimited{},
		event.BudgetLow: event.BudgetIsLow{}, event.BudgetExhausted: event.BudgetIsExhausted{}, event.Test: event.Tested{},
	}
	var got, want []string
	for name := range object(t, "webhooks") {
		got = append(got, name)
	}
	for kind, data := range types {
		want = append(want, string(kind))
		t.Run(string(kind), func(t *testing.T) {
			checkType(t, string(kind), reflect.TypeOf(data), "webhooks", string(kind), "post", "requestBody", "content", "application/json", "schema", "properties", "data")
		})
	}
	wantEqual(t, "events", got, want)
}

// checkType compares the schema at a place of the document with a type.
func checkType(t *testing.T, name string, goType reflect.Type, place ...string) {
	schema := object(t, place...)
	properties := object(t, append(place, "properties")...)
	input := strings.HasSuffix(name, "Input")
	var want, always []string
	for _, field := range fieldsOf(goType) {
		want = append(want, field.name)
		if !field.optional {
			always = append(always, field.name)
		}
		if got := kindsIn(t, append(slices.Clone(place), "properties", field.name)...); !field.has(got) {
			t.Errorf("%s is %v, and in the code %s", field.name, got, field.goType)
		}
	}
	if strings.HasPrefix(name, "Update") || name == "TokenInput" {
		want = append(want, api.ServerFields()...)
	}
	switch name {
	case "WindowInput":
		want = append(want, api.ComputedFields()...)
	case "ModelQuotaInput":
		want = append(want, api.ComputedFields()[:2]...) // it does not renew
	}
	wantEqual(t, "properties", slices.Collect(maps.Keys(properties)), want)
	if !input {
		wantEqual(t, "required", strs(schema["required"]), always)
	}
}

// checkEnvelope checks the schema of a successful answer against the envelope.
func checkEnvelope(t *testing.T, name string) {
	want := []string{"success", "message", "data"}
	if name == "ResultsAnswer" || name == "KeysAnswer" {
		want = append(want, "results")
	}
	all := fieldsOf(reflect.TypeFor[wire.Envelope[any]]())
	for _, field := range want {
		if !slices.ContainsFunc(all, func(f wireField) bool { return f.name == field }) {
			t.Errorf("the envelope has no %s any more", field)
		}
	}
	wantEqual(t, "properties", slices.Collect(maps.Keys(object(t, "components", "schemas", name, "properties"))), slices.Clone(want))
	wantEqual(t, "required", strs(object(t, "components", "schemas", name)["required"]), want)
}

// A wireField is a field of a wire type.
type wireField struct {
	name     string
	optional bool
	list     bool // of an input: nil is absent
	goType   reflect.Type
}

func fieldsOf(goType reflect.Type) (all []wireField) {
	for _, f := range reflect.VisibleFields(goType) {
		name, rest, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" { // it brings fields
			continue
		}
		embedded := len(f.Index) > 1 && goType.Field(f.Index[0]).Type.Kind() == reflect.Pointer
		all = append(all, wireField{name, embedded || rest != "", rest == "omitzero", f.Type})
	}
	return all
}

// has reports whether the JSON types of a schema fit the field. Fields of an
// input are pointers or lists that can be nil: where null is not taken, the
// rules ask for a value, and where there is no type, or null alone, the route
// takes none.
func (f wireField) has(kinds []string) bool {
	goType, input := f.goType, f.list
	if goType == reflect.TypeFor[json.RawMessage]() { // any value
		return len(kinds) == 0
	}
	if goType.Kind() == reflect.Pointer {
		goType, input = goType.Elem(), true
	}
	want := map[reflect.Kind]string{
		reflect.Bool: "boolean", reflect.Int: "integer", reflect.Int64: "integer",
		reflect.Float64: "number", reflect.String: "string", reflect.Slice: "array", reflect.Map: "object", reflect.Struct: "object",
	}[goType.Kind()]
	if !input {
		return slices.Equal(kinds, []string{want})
	}
	if len(kinds) == 0 || slices.Equal(kinds, []string{"null"}) {
		return true
	}
	rest := slices.DeleteFunc(slices.Clone(kinds), func(kind string) bool { return kind == "null" })
	if goType == reflect.TypeFor[[]string]() { // as an array, or a string with separators
		return slices.Equal(rest, []string{"array", "string"})
	}
	return slices.Equal(rest, []string{want})
}

// kindsIn returns the JSON types that a schema allows.
func kindsIn(t testing.TB, keys ...string) []string {
	t.Helper()
	schema, _ := document(t).At(keys...).(map[string]any)
	if kind, ok := schema["type"].(string); ok {
		return []string{kind}
	}
	choices, _ := schema["oneOf"].([]any)
	var all []string
	for i := range choices {
		all = append(all, kindsIn(t, append(keys[:len(keys):len(keys)], "oneOf", strconv.Itoa(i))...)...)
	}
	return all
}

// strs returns the strings of an array.
func strs(value any) (all []string) {
	array, _ := value.([]any)
	for _, element := range array {
		all = append(all, fmt.Sprint(element))
	}
	return all
}

// constants returns the values of the constants of a type in a file.
func constants(t testing.TB, file, typeName string) (all []string) {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if name, ok := spec.Type.(*ast.Ident); ok && name.Name == typeName {
			for _, value := range spec.Values {
				if literal, ok := value.(*ast.BasicLit); ok {
					text, _ := strconv.Unquote(literal.Value)
					all = append(all, text)
				}
			}
		}
		return true
	})
	return all
}

// The document has the statuses and codes of the problem table.
func TestOpenAPICodes(t *testing.T) {
	wantEqual(t, "codes", strs(object(t, "components", "schemas", "Code")["enum"]), constants(t, "../wire/codes.go", "Code"))
	refusals := slices.DeleteFunc(strs(object(t, "components", "schemas", "Verdict", "properties", "code")["enum"]), func(s string) bool { return s == "" })
	wantEqual(t, "refusals", refusals, constants(t, "../quota/question.go", "Refusal"))

	statuses := map[string]map[string]bool{} // of the table, by code
	for _, p := range api.Problems() {
		if statuses[string(p.Code)] == nil {
			statuses[string(p.Code)] = map[string]bool{}
		}
		statuses[string(p.Code)][strconv.Itoa(p.Status)] = true
	}
	wantEqual(t, "codes", constants(t, "../wire/codes.go", "Code"), slices.Collect(maps.Keys(statuses)))
	said := map[string]map[string]bool{} // by the document
	note := func(status string, keys ...string) {
		for _, code := range document(t).Codes(keys...) {
			if said[code] == nil {
				said[code] = map[string]bool{}
			}
			said[code][status] = true
		}
	}
	for _, o := range document(t).Operations() {
		at := []string{"paths", o.Path, strings.ToLower(o.Method), "responses"}
		for status := range object(t, at...) {
			if status >= "300" {
				note(status, append(at, status)...)
			}
		}
	}
	note("404", "components", "responses", "RouteNotFound")
	note("405", "components", "responses", "MethodNotAllowed")
	if !reflect.DeepEqual(said, statuses) {
		t.Errorf("the document's statuses by code are %v\nthose of the table      %v", said, statuses)
	}
}

// The document lists the types of events, and the patterns for all of a kind.
func TestOpenAPIEventTypes(t *testing.T) {
	want := []any{"*", "token.*", "user.*"}
	for _, eventType := range event.Types() {
		want = append(want, string(eventType))
	}
	if got := object(t, "components", "schemas", "EventPattern")["enum"]; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
