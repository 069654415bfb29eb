package android.webkit;

import android.content.Context;
import android.os.Bundle;
import android.widget.AbsoluteLayout;

public class WebView extends AbsoluteLayout {
    public WebView(Context context) {}

    public WebSettings getSettings() {
        return null;
    }

    public void setWebViewClient(WebViewClient client) {}

    public void setWebChromeClient(WebChromeClient client) {}

    public void setDownloadListener(DownloadListener listener) {}

    public void addJavascriptInterface(Object object, String name) {}

    public void evaluateJavascript(String script, ValueCallback<String> callback) {}

    public void loadUrl(String url) {}

    public WebBackForwardList saveState(Bundle state) {
        return null;
    }

    public WebBackForwardList restoreState(Bundle state) {
        return null;
    }

    public boolean canGoBack() {
        return false;
    }

    public void goBack() {}

    public void onPause() {}

    public void onResume() {}

    public void destroy() {}
}
