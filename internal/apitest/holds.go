package apitest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

const (
	settled  = "The hold is already settled. To release it, nothing is left to do; to reserve again, send a new request_id."
	released = "The hold was released. To charge, use verify; to reserve again, send a new request_id."
	expired  = "The hold has expired and its quota is free again. To charge, use verify; to reserve again, send a new request_id and, if needed, a longer ttl_seconds."
	charged  = "The hold has expired and its quota was charged, because the token's key was replaced meanwhile. To charge what exceeds it, use verify; to reserve again, send a new request_id."
)

// Holds are reserved, settled and released, each once however often they are
// asked for.
func holds(t *testing.T, target *Target) {
	u := target.User(t, token.RoleUser)
	_, b := u.keyCaller(t, `{"name":"app","remain_quota":1000}`)
	reserve := func(body string) wire.Reservation {
		t.Helper()
		return wantData[wire.Reservation](t, b.do(t, http.MethodPost, "/api/token/reserve", body), http.StatusOK)
	}
	post := func(path, body, data string) {
		t.Helper()
		want := `{"success":true,"message":"","data":` + data + `}`
		for range 2 { // a repetition gets the same answer
			if got := b.do(t, http.MethodPost, "/api/token/"+path, body); got.Status != http.StatusOK || got.Body != want {
				t.Errorf("%s %s: got %d %s\nwant 200 %s", path, body, got.Status, got.Body, want)
			}
		}
	}
	fail := func(path, body string, status int, code, message string) {
		t.Helper()
		wantFailure(t, b.do(t, http.MethodPost, "/api/token/"+path, body), status, code, message)
	}
	now := time.Now().Unix()
	first := reserve(`{"request_id":"a-0123456789abcdefghijk","quota":300}`)
	if first.ExpiresAt < now+900 || first.ExpiresAt > now+905 {
		t.Errorf("expires_at is %d, want 15 minutes from now, %d", first.ExpiresAt, now+900)
	}
	wantSame(t, first, wire.Reservation{Valid: true, RequestID: "a-0123456789abcdefghijk", Held: 300, RemainQuota: 700, ExpiresAt: first.ExpiresAt})
	second := reserve(`{"request_id":"b-0123456789abcdefghijk","quota":700,"ttl_seconds":3600}`)
	if second.RemainQuota != 0 || second.ExpiresAt < now+3600 {
		t.Errorf("got %+v, want the rest held for an hour", second)
	}
	wantSame(t, reserve(`{"request_id":"a-0123456789abcdefghijk","quota":300}`), first)
	refuse := func(units, left, inProgress int64, message string) {
		t.Helper()
		wantSame(t, reserve(fmt.Sprintf(`{"request_id":"c-0123456789abcdefghijk","quota":%d}`, units)), wire.Reservation{
			Code: quota.RefusedExhausted, RequestID: "c-0123456789abcdefghijk", RemainQuota: left, RefusalDetail: wire.RefusalDetail{Scope: quota.ScopeToken}, Exhaustion: wire.Exhaustion{InProgressQuota: &inProgress, Message: message},
		})
		v := b.verify(t, fmt.Sprintf(`{"quota":%d}`, units))
		if v.Code != quota.RefusedExhausted || v.InProgressQuota == nil || *v.InProgressQuota != inProgress || v.Message != message {
			t.Errorf("verify: got %+v, want %d in progress and %q", v, inProgress, message)
		}
	}
	refuse(1, 0, 1000, "Requests in progress hold 1000 units. Try again when they have ended.")
	refuse(1000, 0, 1000, "Requests in progress hold 1000 units. Try again when they have ended.")
	refuse(1001, 0, 1000, "0 units are left, and requests in progress hold 1000; both together are not enough. Ask for fewer units, or raise remain_quota of the token.")
	if got, want := b.usage(t), `"total_granted":1000,"total_used":0,"total_available":0,`; !strings.Contains(got, want) {
		t.Errorf("usage while held is %s, want %s", got, want)
	}
	post("settle", `{"request_id":"a-0123456789abcdefghijk","quota":120}`, `{"request_id":"a-0123456789abcdefghijk","charged":120,"shortfall":0,"remain_quota":180}`)
	refuse(881, 180, 700, "180 units are left, and requests in progress hold 700; both together are not enough. Ask for fewer units, or raise remain_quota of the token.")
	post("settle", `{"request_id":"b-0123456789abcdefghijk","quota":900}`, `{"request_id":"b-0123456789abcdefghijk","charged":880,"shortfall":20,"remain_quota":0}`)
	post("settle", `{"request_id":"a-0123456789abcdefghijk","quota":120}`, `{"request_id":"a-0123456789abcdefghijk","charged":120,"shortfall":0,"remain_quota":180}`)
	refuse(1, 0, 0, "The quota is spent. Raise remain_quota of the token.")
	fail("reserve", `{"request_id":"a-0123456789abcdefghijk","quota":300}`, 409, "hold_settled", settled)
	fail("settle", `{"request_id":"a-0123456789abcdefghijk","quota":121}`, 409, "request_id_reused", reused)
	fail("reserve", `{"request_id":"a-0123456789abcdefghijk","quota":299}`, 409, "request_id_reused", reused)
	fail("release", `{"request_id":"a-0123456789abcdefghijk"}`, 409, "hold_settled", settled)
	if got, want := b.usage(t), `"total_granted":1000,"total_used":1000,"total_available":0,`; !strings.Contains(got, want) {
		t.Errorf("usage when all is settled is %s, want %s", got, want)
	}

	made, b2 := u.keyCaller(t, `{"name":"other","remain_quota":50}`)
	b = b2
	reserve(`{"request_id":"a-0123456789abcdefghijk","quota":50,"ttl_seconds":60}`)
	post("release", `{"request_id":"a-0123456789abcdefghijk"}`, `{"request_id":"a-0123456789abcdefghijk","released":50,"remain_quota":50}`)
	fail("settle", `{"request_id":"a-0123456789abcdefghijk","quota":1}`, 409, "hold_released", released)
	fail("reserve", `{"request_id":"a-0123456789abcdefghijk","quota":50}`, 409, "hold_released", released)
	fail("settle", `{"request_id":"x-0123456789abcdefghijk","quota":1}`, 404, "hold_not_found", noHold)
	fail("release", `{"request_id":"x-0123456789abcdefghijk"}`, 404, "hold_not_found", noHold)
	expiring := reserve(`{"request_id":"short-0123456789abcdefghijk","quota":50,"ttl_seconds":1}`)
	late := reserve(`{"request_id":"used-0123456789abcdefghijk","quota":0}`)
	if late.Code != quota.RefusedExhausted && time.Now().Unix() < expiring.ExpiresAt { // unless a slow server answers after the hold has expired
		t.Errorf("got %+v, want nothing left", late)
	}
	checkCharged := replacedTwice(t, target, u)
	for time.Now().Unix() < expiring.ExpiresAt {
		time.Sleep(50 * time.Millisecond)
	}
	if got := u.get(t, made.ID); got.RemainQuota != 50 || got.Status != 1 {
		t.Errorf("after the hold's time the token is %+v, want its 50 free", got)
	}
	if got := b.verify(t, `{}`); !got.Valid || got.RemainQuota != 50 {
		t.Errorf("after the hold's time: got %+v, want 50 free", got)
	}
	fail("settle", `{"request_id":"short-0123456789abcdefghijk","quota":1}`, 409, "hold_expired", expired)
	fail("reserve", `{"request_id":"short-0123456789abcdefghijk","quota":50}`, 409, "hold_expired", expired)
	reserve(`{"request_id":"again-0123456789abcdefghijk","quota":50}`)
	checkCharged()
	// Settling works whatever has become of the key.
	u.put(t, fmt.Sprintf(`{"id":%d,"status":2}`, made.ID))
	if got := reserve(`{"request_id":"again-0123456789abcdefghijk","quota":50}`); got.Code != quota.RefusedDisabled {
		t.Errorf("reserve with a disabled key: got %+v", got)
	}
	post("settle", `{"request_id":"again-0123456789abcdefghijk","quota":10}`, `{"request_id":"again-0123456789abcdefghijk","charged":10,"shortfall":0,"remain_quota":40}`)
	u.put(t, fmt.Sprintf(`{"id":%d,"status":1,"remain_quota":0}`, made.ID))
	if err := u.Delete(t.Context(), made.ID); err != nil {
		t.Fatal(err)
	}
	fail("settle", `{"request_id":"again-0123456789abcdefghijk","quota":10}`, 401, "unauthorized", unknownKey)
	wantSame(t, reserve(`{"request_id":"z-0123456789abcdefghijk","quota":1}`), wire.Reservation{Code: quota.RefusedUnknown, RequestID: "z-0123456789abcdefghijk"})
}

// replacedTwice replaces the key of a token before and after it makes a hold. The
// function that it returns checks that the hold was charged when it expired.
func replacedTwice(t *testing.T, target *Target, u *User) func() {
	t.Helper()
	made := u.make(t, `{"name":"replaced","remain_quota":50}`)
	rotate := func() string {
		t.Helper()
		return wantData[wire.Token](t, u.Do(t, http.MethodPost, tokenPath(made.ID)+"/rotate", `{"grace_seconds":600}`), http.StatusOK).Key
	}
	key := rotate()
	post := func(path, body string) Response {
		t.Helper()
		return target.Do(t, http.MethodPost, "/api/token/"+path, body, "Authorization", "Bearer "+key)
	}
	held := wantData[wire.Reservation](t, post("reserve", `{"request_id":"kept-0123456789abcdefghijk","quota":30,"ttl_seconds":2}`), http.StatusOK)
	rotate()
	inTime := time.Now().Unix() < held.ExpiresAt // else a slow server has found the hold expired
	return func() {
		t.Helper()
		for time.Now().Unix() < held.ExpiresAt {
			time.Sleep(50 * time.Millisecond)
		}
		if !inTime {
			return
		}
		wantFailure(t, post("settle", `{"request_id":"kept-0123456789abcdefghijk","quota":10}`), 409, "hold_expired", charged)
		wantFailure(t, post("release", `{"request_id":"kept-0123456789abcdefghijk"}`), 409, "hold_expired", charged)
		if got := u.get(t, made.ID); got.RemainQuota != 20 || got.UsedQuota != 30 {
			t.Errorf("after the hold's time the token is %+v, want its 30 charged", got)
		}
	}
}

// The number of open holds of a key is limited.
func openHolds(t *testing.T, target *Target) {
	u := target.User(t, token.RoleUser)
	_, b := u.keyCaller(t, `{"name":"busy","unlimited_quota":true}`)
	for i := range quota.MaxOpenHolds {
		got := b.do(t, http.MethodPost, "/api/token/reserve", fmt.Sprintf(`{"request_id":"r%d-0123456789abcdefghijk","quota":5}`, i))
		if got.Status != http.StatusOK {
			t.Fatalf("hold %d: got %d %s", i, got.Status, got.Body)
		}
	}
	got := b.do(t, http.MethodPost, "/api/token/reserve", `{"request_id":"more-0123456789abcdefghijk","quota":5}`)
	wantFailure(t, got, 429, "too_many_open", "This key has 50 open holds, the most allowed; nothing was held. Settle or release some, or try again in a second.")
	if got.Header.Get("Retry-After") == "" {
		t.Error("429 without Retry-After")
	}
	for i := range quota.MaxOpenHolds {
		got := b.do(t, http.MethodPost, "/api/token/settle", fmt.Sprintf(`{"request_id":"r%d-0123456789abcdefghijk","quota":%d}`, i, i))
		if want := fmt.Sprintf(`"charged":%d,"shortfall":0,`, i); !strings.Contains(got.Body, want) {
			t.Errorf("settle %d: got %s, want %s", i, got.Body, want)
		}
	}
	if got, want := b.usage(t), `"total_used":1225,`; !strings.Contains(got, want) {
		t.Errorf("usage is %s, want %s", got, want)
	}
}
