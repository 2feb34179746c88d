// Package errors has the type of error that flanneld's backend for one cloud asks for.
package errors

// TencentCloudSDKError is never made: no request is ever sent.
type TencentCloudSDKError struct{}

// Error says what the error would be.
func (*TencentCloudSDKError) Error() string { return "the cloud refused the request" }
