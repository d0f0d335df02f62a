package client_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/internal/apitest"
	"github.com/latchkey-api/latchkey/shared/client"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// A key is checked, charged, reserved, settled and released until its token is
// deleted. The client needs no access token for it.
func TestKeyLifecycle(t *testing.T) {
	target, _ := apitest.Serve(t)
	u, ctx := target.User(t, token.RoleUser), t.Context()
	made, err := u.Create(ctx, wire.TokenInput{Name: new("app"), RemainQuota: new(int64(100))})
	if err != nil {
		t.Fatal(err)
	}
	gateway := client.New(target.URL, "") // has no access token
	if v, err := gateway.Verify(ctx, made.Key, wire.VerifyInput{Quota: new(int64(10))}); err != nil || !v.Valid || v.RemainQuota != 90 {
		t.Errorf("spend: got %+v, %v", v, err)
	}
	for _, id := range []string{"settled-0123456789abcdefghijk", "released-0123456789abcdefghijk"} {
		r, err := gateway.Reserve(ctx, made.Key, wire.ReserveInput{VerifyInput: wire.VerifyInput{RequestID: &id, Quota: new(int64(40))}, TTLSeconds: new(int64(60))})
		if err != nil || !r.Valid || r.Held != 40 {
			t.Errorf("reserve: got %+v, %v", r, err)
		}
	}
	if s, err := gateway.Settle(ctx, made.Key, "settled-0123456789abcdefghijk", 45); err != nil || s.Charged != 45 || s.RemainQuota != 5 {
		t.Errorf("settle: got %+v, %v", s, err)
	}
	if r, err := gateway.Release(ctx, made.Key, "released-0123456789abcdefghijk"); err != nil || r.Released != 40 || r.RemainQuota != 45 {
		t.Errorf("release: got %+v, %v", r, err)
	}
	if usage, err := gateway.Usage(ctx, made.Key); err != nil || usage.TotalGranted != 100 || usage.TotalUsed != 55 || usage.TotalAvailable != 45 {
		t.Errorf("usage: got %+v, %v", usage, err)
	}
	if _, err := gateway.Settle(ctx, made.Key, "none-0123456789abcdefghijk", 1); !errors.Is(err, wire.ErrHoldNotFound) {
		t.Errorf("settle without a hold: got error %v, want %v", err, wire.ErrHoldNotFound)
	}
	if err := u.Delete(ctx, made.ID); err != nil {
		t.Fatal(err)
	}
	if v, err := gateway.Verify(ctx, made.Key, wire.VerifyInput{}); err != nil || v.Valid || v.Code != quota.RefusedUnknown || v.KeyInfo != nil {
		t.Errorf("verify of a deleted key: got %+v, %v", v, err)
	}
	if _, err := gateway.Usage(ctx, made.Key); !errors.Is(err, wire.ErrUnauthorized) {
		t.Errorf("usage of a deleted key: got error %v, want %v", err, wire.ErrUnauthorized)
	}
}

// A spend without a request ID is sent once, because a retry could charge
// twice; one with a request ID is retried.
func TestSpendWithoutRequestID(t *testing.T) {
	sent := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		sent++
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte(`{"success":false,"message":"x.","code":"unavailable","request_id":"r"}`))
	}))
	defer server.Close()
	c := client.New(server.URL, "")
	if _, err := c.Verify(t.Context(), "sk-x", wire.VerifyInput{Quota: new(int64(1))}); !errors.Is(err, wire.ErrUnavailable) || sent != 1 {
		t.Errorf("a spend without a request id: got %v after %d requests, want it sent once", err, sent)
	}
	sent = 0
	if _, err := c.Verify(t.Context(), "sk-x", wire.VerifyInput{Quota: new(int64(1)), RequestID: new("r-0123456789abcdefghijk")}); !errors.Is(err, wire.ErrUnavailable) || sent < 2 {
		t.Errorf("a spend with a request id: got %v after %d requests, want it sent again", err, sent)
	}
}

// A success that is not in the API's form is ErrForeign.
func TestForeignSuccess(t *testing.T) {
	for _, body := range []string{`{}`, `<html>`, `[]`, `{"code":false}`} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) }))
		c := client.New(server.URL, "")
		_, verify := c.Verify(t.Context(), "sk-x", wire.VerifyInput{Quota: new(int64(1))})
		_, usage := c.Usage(t.Context(), "sk-x")
		for call, err := range map[string]error{"verify": verify, "usage": usage} {
			if err == nil || !strings.Contains(err.Error(), "check the base URL") {
				t.Errorf("%s, answered %s: got error %v, want one that says to check the base URL", call, body, err)
			}
		}
		server.Close()
	}
}
