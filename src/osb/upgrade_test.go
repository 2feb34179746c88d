package osb

import "testing"

func TestRefusedUpgradesAreTold(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]Kind{400: Refused, 404: NotFound, 409: Busy, 410: Gone, 422: Refused, 500: Fault, 503: Unavailable} {
		_, client := serve(t, status, nil, `{}`)
		submission, err := client.Upgrade(t.Context(), demo())
		if got := KindOf(err); got != want || submission != (Submission{}) {
			t.Errorf("%d: %s, want %s; %+v", status, got, want, submission)
		}
	}
}
