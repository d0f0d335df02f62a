package publish

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/latchkey-api/latchkey/shared/event"
	"github.com/latchkey-api/latchkey/shared/webhook"
)

// A QueueClient is what a Queue calls of SQS.
type QueueClient interface {
	SendMessageBatch(ctx context.Context, in *sqs.SendMessageBatchInput, options ...func(*sqs.Options)) (*sqs.SendMessageBatchOutput, error)
}

// A Queue is a standard queue of SQS with messages of webhooks. It is a webhook.Queue.
type Queue struct {
	Client QueueClient
	URL    string
}

// Enqueue implements webhook.Queue. The messages of a user are a group, so a user with
// many does not delay those of others.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues.html
func (q *Queue) Enqueue(ctx context.Context, messages []webhook.Message) error {
	queued := make([]queuedMessage, len(messages))
	for i, m := range messages {
		queued[i].Message = m
	}
	_, err := q.add(ctx, queued, time.Time{})
	return err
}

// A queuedMessage is the body of a message in the queue. One without a retry has not
// been received yet, and waits for its first attempt.
type queuedMessage struct {
	webhook.Message
	Retry *retry `json:"retry,omitempty"`
}

// A retry says when the next attempt of a message is due.
type retry struct {
	Attempt int       `json:"attempt"` // its number, from 2
	Due     time.Time `json:"due"`
	Queued  time.Time `json:"queued"` // when the event was queued for the first attempt
}

// maxDelay is for how long SQS can delay a message.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-timers.html
const maxDelay = 15 * time.Minute

// delay is how long a message waits in the queue before it is received: until its
// retry is due, or as long as SQS allows.
func (m queuedMessage) delay(now time.Time) time.Duration {
	if m.Retry == nil {
		return 0
	}
	return max(0, min(m.Retry.Due.Sub(now), maxDelay))
}

// add adds messages, and reports of each whether it is in the queue. If the error is an
// event.LostError, or nil, all others would be refused each time, and are reported as if
// they were in it. After another error, some more may be in it.
func (q *Queue) add(ctx context.Context, messages []queuedMessage, now time.Time) (added []bool, err error) {
	added = make([]bool, len(messages))
	entries := make([]types.SendMessageBatchRequestEntry, 0, len(messages))
	for i, m := range messages {
		body, err := json.Marshal(m)
		if err != nil {
			return added, fmt.Errorf("encode the message of the event %s: %w", m.Event.ID, err)
		}
		entries = append(entries, types.SendMessageBatchRequestEntry{
			Id: aws.String(strconv.Itoa(i)), MessageBody: aws.String(string(body)), MessageGroupId: aws.String(strconv.FormatInt(m.UserID, 10)),
			DelaySeconds: int32((m.delay(now) + time.Second - 1) / time.Second), //nolint:gosec // at most maxDelay
		})
	}
	var mu sync.Mutex
	err = sendAll(ctx, entries, apart(func(ctx context.Context, batch []types.SendMessageBatchRequestEntry) ([]types.SendMessageBatchRequestEntry, string, *event.LostError, error) {
		arrived, refused, why, lost, err := q.send(ctx, batch)
		mu.Lock()
		defer mu.Unlock()
		for _, id := range arrived {
			i, _ := strconv.Atoi(id)
			added[i] = true
		}
		return refused, why, lost, err
	}))
	var lost *event.LostError
	if err == nil || errors.As(err, &lost) {
		return slices.Repeat([]bool{true}, len(messages)), lost.Err()
	}
	return added, fmt.Errorf("queue %d webhooks: %w", len(messages), err)
}

func (q *Queue) send(ctx context.Context, entries []types.SendMessageBatchRequestEntry) (arrived []string, refused []types.SendMessageBatchRequestEntry, why string, lost *event.LostError, err error) {
	out, err := q.Client.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: &q.URL, Entries: entries})
	if err != nil {
		return nil, nil, "", nil, fmt.Errorf("send messages: %w", err)
	}
	ended := map[string]bool{}
	for _, result := range out.Successful {
		id := aws.ToString(result.Id)
		arrived, ended[id] = append(arrived, id), true
	}
	for _, result := range out.Failed {
		why = aws.ToString(result.Code)
		if result.SenderFault && unfit(why, aws.ToString(result.Message)) {
			ended[aws.ToString(result.Id)] = true
			lost = lost.Add(&event.LostError{Events: 1, Why: "the queue says " + why})
		}
	}
	for _, entry := range entries {
		if !ended[*entry.Id] {
			refused = append(refused, entry)
		}
	}
	return arrived, refused, why, lost, nil
}
