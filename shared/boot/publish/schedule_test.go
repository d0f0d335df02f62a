package publish_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"

	"github.com/latchkey-api/latchkey/shared/boot"
	"github.com/latchkey-api/latchkey/shared/boot/publish"
)

// A planner keeps the schedules that are made. The second with a name is a conflict.
type planner struct {
	made   map[string]*scheduler.CreateScheduleInput
	calls  int
	failed error
}

func (p *planner) CreateSchedule(_ context.Context, in *scheduler.CreateScheduleInput, _ ...func(*scheduler.Options)) (*scheduler.CreateScheduleOutput, error) {
	p.calls++
	if p.failed != nil {
		return nil, p.failed
	}
	if p.made[*in.Name] != nil {
		return nil, &types.ConflictException{}
	}
	p.made[*in.Name] = in
	return &scheduler.CreateScheduleOutput{}, nil
}

func (p *planner) DeleteSchedule(_ context.Context, in *scheduler.DeleteScheduleInput, _ ...func(*scheduler.Options)) (*scheduler.DeleteScheduleOutput, error) {
	if p.failed != nil {
		return nil, p.failed
	}
	if p.made[*in.Name] == nil || *in.GroupName != "group" {
		return nil, &types.ResourceNotFoundException{}
	}
	delete(p.made, *in.Name)
	return &scheduler.DeleteScheduleOutput{}, nil
}

// A bucket has two schedules, of which the first calls this function once at the bucket's
// end; the rest of a check has another.
func TestSchedules(t *testing.T) {
	t.Parallel()
	const function = "arn:aws:lambda:eu-central-1:111122223333:function:history:live"
	ctx := lambdacontext.NewContext(t.Context(), &lambdacontext.LambdaContext{InvokedFunctionArn: function})
	p := &planner{made: map[string]*scheduler.CreateScheduleInput{}}
	c := boot.TimerCheck{Bucket: 6_000_000}
	for range 2 { // processes
		s := &publish.Schedules{Client: p, Group: "group", Role: "role"}
		for range 3 {
			for _, filed := range []boot.TimerCheck{{Bucket: c.Bucket, Attempt: 2000}, c} {
				if err := s.Schedule(ctx, filed, c.Bucket.Due()); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if len(p.made) != 2 || p.calls != 4 {
		t.Fatalf("got %d schedules in %d calls, want two in four: a process remembers which it has made", len(p.made), p.calls)
	}
	delete(p.made, "timers-6000000-2000")
	got := p.made["timers-6000000-0"]
	if got == nil || *got.ScheduleExpression != "at(2027-01-15T08:00:00)" || *got.GroupName != "group" || got.ActionAfterCompletion != types.ActionAfterCompletionDelete ||
		*got.Target.Arn != function || *got.Target.RoleArn != "role" || *got.Target.Input != `{"bucket":6000000}` || got.FlexibleTimeWindow.Mode != types.FlexibleTimeWindowModeOff {
		t.Errorf("got %+v", got)
	}
	rest := boot.TimerCheck{Bucket: 6_000_000, From: "12", Attempt: 3}
	s := &publish.Schedules{Client: p, Group: "group", Role: "role"}
	if err := s.Schedule(ctx, rest, c.Bucket.Due().Add(5*time.Minute)); err != nil || *p.made["timers-6000000-3-12"].Target.Input != `{"bucket":6000000,"from":"12","attempt":3}` {
		t.Errorf("got %v, %v", p.made, err)
	}
	for range 2 { // the second finds none
		if err := s.Cancel(ctx, rest); err != nil || p.made["timers-6000000-3-12"] != nil || len(p.made) != 1 {
			t.Errorf("got %v, %v, want the rest cancelled and nothing else", p.made, err)
		}
	}
	p.failed = errors.New("no connection")
	if err := s.Cancel(ctx, rest); err == nil {
		t.Error("got no error, want one")
	}
	if err := s.Schedule(ctx, boot.TimerCheck{Bucket: 6_000_001}, c.Bucket.Due()); err == nil {
		t.Error("got no error, want one")
	}
	p.failed = nil
	if err := s.Schedule(ctx, boot.TimerCheck{Bucket: 6_000_001}, c.Bucket.Due()); err != nil || p.made["timers-6000001-0"] == nil {
		t.Errorf("got %v, want a schedule after one that failed", err)
	}
}
