package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// fieldsOf returns the names of the fields in a type's JSON.
func fieldsOf(of reflect.Type) (names []string) {
	for i := range of.NumField() {
		name, _, _ := strings.Cut(of.Field(i).Tag.Get("json"), ",")
		switch {
		case of.Field(i).Anonymous:
			names = append(names, fieldsOf(of.Field(i).Type)...)
		case name != "-":
			names = append(names, name)
		}
	}
	return names
}

// API3:2023. No field of a token or webhook that the service keeps, and none of a user
// that only the operator sets, can be written: not in a create, not in an update, and not in a batch.
func TestBrokenObjectPropertyLevelAuthorization(t *testing.T) {
	s := newService(t)
	_, at := s.user(t, token.RoleUser)
	s.prepare(t, http.MethodPost, "/api/token/", at, `{"name":"a","remain_quota":5}`)
	s.prepare(t, http.MethodPost, wire.WebhooksPath, at, `{"url":"https://example.com/hook"}`)
	account := func() string { return s.prepare(t, http.MethodGet, wire.SelfPath, at, "") }
	before := account()
	ofUser := []string{"role", "is_admin", "budget", "quota", "max_tokens", "groups", "username", "hash", "pk", "sk", "v", "leaked", "policy", "__proto__", "constructor"}
	s.each(t, func(t *testing.T, url string) {
		tries := 0
		write := func(method, path, body, fieldName string) {
			tries++
			got := s.attack(t, url, method, path, body, "Authorization", "Bearer "+at)
			if got.status != http.StatusBadRequest && got.status >= http.StatusMultipleChoices {
				t.Errorf("%s: got %d %s", fieldName, got.status, got.body)
			}
		}
		for kind, fields := range map[string][]string{
			"token": unwritable(wire.Token{}, wire.UpdateInput{}, ofUser), "webhook": unwritable(wire.Webhook{}, wire.WebhookInput{}, ofUser),
		} {
			path, method, one := "/api/token/1", http.MethodPut, `{"id":1,`
			update := "/api/token/"
			if kind == "webhook" {
				path, update, one = wire.WebhooksPath, wire.WebhooksPath+"/1", `{`
			}
			stored := s.prepare(t, http.MethodGet, path, at, "")
			for _, name := range fields {
				for _, value := range []string{`4102444800`, `"4102444800"`, `true`, `{"a":1}`, `[1]`} {
					write(method, update, fmt.Sprintf(`%s%q:%s}`, one, name, value), name)
				}
			}
			if diff := cmp.Diff(object(t, stored), object(t, s.prepare(t, http.MethodGet, path, at, ""))); diff != "" {
				t.Errorf("%s (-before +after):\n%s", kind, diff)
			}
		}
		for _, name := range unwritable(wire.Token{}, wire.TokenInput{}, ofUser) {
			body := fmt.Sprintf(`{"name":"b",%q:4102444800}`, name)
			got := s.attack(t, url, http.MethodPost, wire.BatchCreatePath, `{"tokens":[`+body+`]}`, "Authorization", "Bearer "+at)
			tries++
			if strings.Contains(got.body, "4102444800") {
				t.Errorf("a create with %s: got %s, want the value nowhere", name, got.body)
			}
		}
		if tries < 100 {
			t.Errorf("got %d tries, want 100 or more", tries)
		}
	})
	if after := account(); after != before {
		t.Errorf("the account was %s\nand is %s", before, after)
	}
}

// unwritable returns the fields of out that are not in in, and further names.
func unwritable(out, in any, further []string) (names []string) {
	writable := " " + strings.Join(fieldsOf(reflect.TypeOf(in)), " ") + " "
	for _, name := range append(fieldsOf(reflect.TypeOf(out)), further...) {
		if !strings.Contains(writable, " "+name+" ") {
			names = append(names, name)
		}
	}
	return names
}

// object returns the data of an answer.
func object(t *testing.T, body string) any {
	t.Helper()
	var envelope struct{ Data any }
	if err := json.Unmarshal([]byte(body), &envelope); err != nil {
		t.Fatal(err)
	}
	return envelope.Data
}
