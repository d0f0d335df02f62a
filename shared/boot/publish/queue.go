package publish

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
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
	ChangeMessageVisibility(ctx context.Context, in *sqs.ChangeMessageVisibilityInput, options ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityOutput, error)
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
	entries := make([]types.SendMessageBatchRequestEntry, 0, len(messages))
	for i, m := range messages {
		body, err := json.Marshal(m)
		if err != nil {
			return fmt.Errorf("encode the message of the event %s: %w", m.Event.ID, err)
		}
		entries = append(entries, types.SendMessageBatchRequestEntry{
			Id: aws.String(strconv.Itoa(i)), MessageBody: aws.String(string(body)), MessageGroupId: aws.String(strconv.FormatInt(m.UserID, 10)),
		})
	}
	if err := sendAll(ctx, entries, q.send); err != nil {
		return fmt.Errorf("queue %d webhooks: %w", len(messages), err) // may be an event.LostError
	}
	return nil
}

func (q *Queue) send(ctx context.Context, entries []types.SendMessageBatchRequestEntry) (refused []types.SendMessageBatchRequestEntry, why string, lost *event.LostError, err error) {
	out, err := q.Client.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: &q.URL, Entries: entries})
	if err != nil {
		return nil, "", nil, fmt.Errorf("send messages: %w", err)
	}
	arrived := map[string]bool{}
	for _, result := range out.Successful {
		arrived[aws.ToString(result.Id)] = true
	}
	for _, result := range out.Failed {
		why = aws.ToString(result.Code)
		if result.SenderFault && !mendable(why) {
			arrived[aws.ToString(result.Id)] = true // as far as it ever does
			lost = lost.Add(&event.LostError{Events: 1, Why: "the queue says " + why})
		}
	}
	for _, entry := range entries {
		if !arrived[*entry.Id] {
			refused = append(refused, entry)
		}
	}
	return refused, why, lost, nil
}

// mendable reports whether a code of SQS is about the deployment and not the message:
// too many requests, a right or a key that is missing, or no queue.
func mendable(code string) bool {
	return strings.Contains(code, "Throttl") || strings.Contains(code, "Denied") || strings.Contains(code, "NonExistent") || strings.HasPrefix(code, "KMS") || strings.HasPrefix(code, "Kms")
}

// Hide hides a message that was received until a pause is over, at least until the next
// full second.
func (q *Queue) Hide(ctx context.Context, receipt string, pause time.Duration) error {
	if q.URL == "" {
		return errors.New("the queue has no URL")
	}
	seconds := int32((pause + time.Second - 1) / time.Second) //nolint:gosec // at most webhook.MaxPause
	_, err := q.Client.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{QueueUrl: &q.URL, ReceiptHandle: &receipt, VisibilityTimeout: seconds})
	if err != nil {
		return fmt.Errorf("hide a message: %w", err)
	}
	return nil
}
