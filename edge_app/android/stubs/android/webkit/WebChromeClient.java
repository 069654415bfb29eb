package android.webkit;

import android.net.Uri;

public class WebChromeClient {
    public void onPermissionRequest(PermissionRequest request) {}

    public void onPermissionRequestCanceled(PermissionRequest request) {}

    public boolean onShowFileChooser(
            WebView view, ValueCallback<Uri[]> callback, FileChooserParams wanted) {
        return false;
    }

    public abstract static class FileChooserParams {
        public static final int MODE_OPEN_MULTIPLE = 1;

        public abstract String[] getAcceptTypes();

        public abstract int getMode();

        public abstract boolean isCaptureEnabled();
    }
}
