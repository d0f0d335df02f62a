package publish

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"

	"github.com/latchkey-api/latchkey/shared/boot"
)

// A ScheduleClient is what Schedules calls of EventBridge Scheduler.
type ScheduleClient interface {
	CreateSchedule(ctx context.Context, in *scheduler.CreateScheduleInput, options ...func(*scheduler.Options)) (*scheduler.CreateScheduleOutput, error)
	DeleteSchedule(ctx context.Context, in *scheduler.DeleteScheduleInput, options ...func(*scheduler.Options)) (*scheduler.DeleteScheduleOutput, error)
}

// Schedules makes a schedule of EventBridge Scheduler for each check of timers. It
// calls this function once, as this call did, and is then deleted.
type Schedules struct {
	Client ScheduleClient
	Group  string // the name of the group of schedules
	Role   string // the ARN of the role that Scheduler calls the function with

	mu   sync.Mutex
	made map[boot.TimerCheck]bool
}

// maxMade is how many schedules a process remembers.
const maxMade = 10_000

// Schedule implements boot.Scheduler.
func (s *Schedules) Schedule(ctx context.Context, c boot.TimerCheck, at time.Time) error {
	if c.Filed() && s.knows(c) {
		return nil
	}
	lc, ok := lambdacontext.FromContext(ctx)
	if !ok {
		return errors.New("the function does not know its own name outside of Lambda")
	}
	payload, err := json.Marshal(c)
	if err != nil {
		return err
	}
	_, err = s.Client.CreateSchedule(ctx, &scheduler.CreateScheduleInput{
		Name: aws.String(scheduleName(c)), GroupName: &s.Group,
		ScheduleExpression:    aws.String(at.UTC().Format("at(2006-01-02T15:04:05)")),
		FlexibleTimeWindow:    &types.FlexibleTimeWindow{Mode: types.FlexibleTimeWindowModeOff},
		ActionAfterCompletion: types.ActionAfterCompletionDelete,
		Target: &types.Target{
			Arn: &lc.InvokedFunctionArn, RoleArn: &s.Role, Input: aws.String(string(payload)),
			RetryPolicy: &types.RetryPolicy{MaximumEventAgeInSeconds: aws.Int32(24 * 60 * 60), MaximumRetryAttempts: aws.Int32(185)}, // the maximum
		},
	})
	var exists *types.ConflictException
	if err != nil && !errors.As(err, &exists) {
		return fmt.Errorf("create a schedule in the group %s: %w", s.Group, err)
	}
	if c.Filed() {
		s.remember(c)
	}
	return nil
}

// Cancel implements boot.Scheduler.
func (s *Schedules) Cancel(ctx context.Context, c boot.TimerCheck) error {
	_, err := s.Client.DeleteSchedule(ctx, &scheduler.DeleteScheduleInput{Name: aws.String(scheduleName(c)), GroupName: &s.Group})
	var missing *types.ResourceNotFoundException
	if err != nil && !errors.As(err, &missing) {
		return fmt.Errorf("delete a schedule in the group %s: %w", s.Group, err)
	}
	return nil
}

// scheduleName says which check a schedule is for, so that each has one.
func scheduleName(c boot.TimerCheck) string {
	name := fmt.Sprintf("timers-%d-%d", c.Bucket, c.Attempt)
	if c.From != "" {
		name += "-" + c.From
	}
	return name
}

func (s *Schedules) knows(c boot.TimerCheck) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.made[c]
}

func (s *Schedules) remember(c boot.TimerCheck) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.made == nil || len(s.made) >= maxMade {
		s.made = map[boot.TimerCheck]bool{}
	}
	s.made[c] = true
}
