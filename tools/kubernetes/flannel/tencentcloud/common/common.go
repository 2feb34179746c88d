// Package common holds the pointers to values that flanneld's backend for one cloud writes into its requests.
package common

// StringPtr returns a pointer to value.
func StringPtr(value string) *string { return &value }

// BoolPtr returns a pointer to value.
func BoolPtr(value bool) *bool { return &value }

// StringPtrs returns a pointer to each of values.
func StringPtrs(values []string) []*string {
	pointers := make([]*string, len(values))
	for i := range values {
		pointers[i] = &values[i]
	}
	return pointers
}
