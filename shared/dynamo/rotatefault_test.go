package dynamo_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/price"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// A rotation beside an open hold that meets a fault in one of its writes is applied
// once, or not at all.
func TestRotationFaults(t *testing.T) {
	t.Parallel()
	for _, versioned := range []bool{false, true} {
		for nth := 1; nth <= 2; nth++ {
			for _, fault := range dynamotest.FaultsOf(dynamotest.UpdateItem) {
				t.Run(fmt.Sprintf("versioned %v/write %d/%s", versioned, nth, fault), func(t *testing.T) {
					t.Parallel()
					kit := newKit(t)
					r := newTurning(t, kit, "turning", token.Settings{RemainQuota: new(int64(100))})
					r.hold(30)
					r.mustRotate(0)
					rotation, err := r.NewKeyRotation(t.Context(), r.Access, r.id, 0)
					if err != nil {
						t.Fatal(err)
					}
					if versioned {
						rotation.Version = 2
					}
					faults := &dynamotest.Faults{Choose: func(op string, n int) dynamotest.Fault {
						if op == dynamotest.UpdateItem && n == nth {
							return fault
						}
						return dynamotest.NoFault
					}}
					made, err := r.WithStore(kit.StoreWith(faults.Configure)).Rotate(t.Context(), r.Access, r.id, rotation)
					version, used := int64(3), int64(30)
					var want error
					if !versioned && fault.Unknown() {
						want = token.ErrUncertain
						if nth == 1 || !fault.Applied() {
							version, used = 2, 0
						}
					} else if err == nil && (made.Version != 3 || made.KeyHash != rotation.Key.Hash()) {
						t.Errorf("got version %d, want 3 and the rotation's key", made.Version)
					}
					if !errors.Is(err, want) {
						t.Fatalf("got error %v, want %v", err, want)
					}
					r.Clock.Advance(600)
					r.want(100-used, 0, used)
					if got, err := r.Get(t.Context(), r.Access, r.id); err != nil || got.Version != version {
						t.Errorf("got version %d, %v, want %d", got.Version, err, version)
					}
				})
			}
		}
	}
}

// While requests reserve and settle, a rotation neither loses a charge nor makes
// one twice: each hold is settled or, if its key is gone, charged when it expires.
func TestRotationBesideRequests(t *testing.T) {
	t.Parallel()
	kit := newKit(t)
	r := newTurning(t, kit, "turning", token.Settings{RemainQuota: new(int64(100_000))})
	rotated := sync.NewCond(new(sync.Mutex))
	done := false
	await := func(keys int) { // or the last rotation
		rotated.L.Lock()
		defer rotated.L.Unlock()
		for len(r.keys) < keys && !done {
			rotated.Wait()
		}
	}
	var used, lost atomic.Int64
	request := func(g *gate.Gate, units int64) error {
		rotated.L.Lock()
		key, keys := r.current(), len(r.keys)
		rotated.L.Unlock()
		h, v, err := g.Hold(t.Context(), key, quota.Question{Quota: 10}, 10*time.Minute)
		if h == nil && (quotaIsBusy(err) || v.Refusal == quota.RefusedUnknown) {
			return nil
		}
		if err := verdictError(v.Verdict, err); err != nil {
			return err
		}
		if units > 7 {
			await(keys + int(units)%3)
		}
		_, err = h.Settle(t.Context(), units, price.Use{})
		for quotaIsBusy(err) {
			_, err = h.Settle(t.Context(), units, price.Use{})
		}
		if errors.Is(err, quota.ErrKeyUnknown) {
			lost.Add(1)
			return nil
		}
		used.Add(units)
		return err
	}
	var all sync.WaitGroup
	for worker := range 12 {
		g := r.purse.gate()
		all.Go(func() {
			for i := range int64(25) {
				if err := request(g, 1+(i+int64(worker))%10); err != nil {
					t.Error(err)
				}
			}
		})
	}
	rotations := 0
	for range 40 {
		rotation, err := r.NewKeyRotation(t.Context(), r.Access, r.id, 0)
		if err != nil {
			t.Fatal(err)
		}
		switch _, err = r.Rotate(t.Context(), r.Access, r.id, rotation); {
		case err == nil:
			rotations++
			rotated.L.Lock()
			r.keys = append(r.keys, rotation.Key.Reveal())
			rotated.L.Unlock()
			rotated.Broadcast()
		case !errors.Is(err, token.ErrContention):
			t.Error(err)
		}
	}
	rotated.L.Lock()
	done = true
	rotated.L.Unlock()
	rotated.Broadcast()
	all.Wait()
	r.Clock.Advance(600)
	total := used.Load() + 10*lost.Load()
	r.want(100_000-total, 0, total)
	if lost.Load() == 0 {
		t.Error("no rotation dropped the key of an open hold")
	}
	t.Logf("%d rotations, %d units settled, %d holds whose key was gone", rotations, used.Load(), lost.Load())
}

// A rotation that requests on the same token keep from being stored says that it
// changed nothing, unless an attempt got no answer: that may still arrive.
func TestRotationContention(t *testing.T) {
	t.Parallel()
	for fault, want := range map[dynamotest.Fault]error{dynamotest.NoFault: token.ErrContention, dynamotest.LostBefore: token.ErrUncertain} {
		t.Run(string(fault), func(t *testing.T) {
			t.Parallel()
			kit := newKit(t)
			r := newTurning(t, kit, "turning", token.Settings{RemainQuota: new(int64(1000))})
			r.hold(30)
			r.mustRotate(0)
			rotation, err := r.NewKeyRotation(t.Context(), r.Access, r.id, 0)
			if err != nil {
				t.Fatal(err)
			}
			rotation.Version = 2
			faults := &dynamotest.Faults{Choose: func(op string, nth int) dynamotest.Fault {
				if op != dynamotest.UpdateItem {
					return dynamotest.NoFault
				}
				if err := verdictError(r.gate.Verify(t.Context(), r.current(), quota.Question{Quota: 1})); err != nil {
					t.Error(err)
				}
				if nth == 1 {
					return fault
				}
				return dynamotest.NoFault
			}}
			if _, err := r.WithStore(kit.StoreWith(faults.Configure)).Rotate(t.Context(), r.Access, r.id, rotation); !errors.Is(err, want) {
				t.Errorf("got error %v, want %v", err, want)
			}
		})
	}
}
